"""Errors of the configuration.

::

    ConfigError (ValueError)   every mistake in a configuration, at once
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: where, and what is wrong and what to do."""

    path: str
    """``rule[3].channels[0]``; empty for the file as a whole."""
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem


class ConfigError(ValueError):
    """A configuration that cannot be used; ``mistakes`` has every one of them."""

    def __init__(self, source: str, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(f"{source}: {mistake}" for mistake in mistakes))
        self.source = source
        self.mistakes = mistakes

"""``[watch.events]`` as ``orderbell init`` proposes it: what each value of the status column means."""

from collections.abc import Iterator, Sequence

from daemon.cli.statuses import LIFECYCLE, Meaning
from daemon.cli.toml_text import aligned, comment, key, text
from daemon.planning.events import name_of


def events_section(meanings: Sequence[Meaning], known_from: str) -> Iterator[str]:
    """The section's lines, and as comments what only a person can know."""
    yield from comment(f"Value -> event. The values are from {known_from}:")
    listed = ", ".join(f"{meaning.value} {_in_words(meaning)}".strip() for meaning in meanings)
    yield from comment(listed or "(none)", first="#   ", following="#   ")
    if any(_is_code(meaning) for meaning in meanings):
        yield "# Only the application knows what these codes mean: say it here, and take away the # before each line."
    else:
        yield "# A value that is not listed here makes the event of its own name."
    yield "[watch.events]"
    if not meanings:
        yield '# shipped = "in_transit"'
    yield from aligned(pair for meaning in meanings if (pair := _pair(meaning)) is not None)
    yield from _unheard(meanings)


def _pair(meaning: Meaning) -> tuple[str, str, str] | None:
    """The key, the event, and a comment; None where the value says its event itself."""
    pair = None
    if meaning.event is not None:
        if meaning.event != name_of(meaning.value, {}):
            pair = (key(meaning.value), text(meaning.event), _in_words(meaning))
    elif meaning.same_as is not None:
        own = name_of(meaning.name, {})
        pair = (key(meaning.value), text(own), f'told once: "{meaning.same_as}" means the same')
    elif _is_code(meaning):
        pair = (f"# {key(meaning.value)}", '"..."', "")
    elif not meaning.ignored and _in_words(meaning):
        pair = (key(meaning.value), text(name_of(meaning.name, {})), meaning.name)
    return pair


def _unheard(meanings: Sequence[Meaning]) -> Iterator[str]:
    """What the preset has no rule for, and which of its events no value makes."""
    unknown = [m for m in meanings if m.event is None and not m.ignored and m.same_as is None]
    names = ", ".join(f"order.{name_of(meaning.name, {})}" for meaning in unknown if not _is_code(meaning))
    if names:
        yield from comment(f"No rule listens to {names}: write a [[rule]], or map it to an event that has rules.")
    made = {meaning.event for meaning in meanings}
    unused = ", ".join(event for event in LIFECYCLE if event not in made)
    if unknown and unused:
        yield from comment(f"Events with rules that no value makes yet: {unused}.")


def _is_code(meaning: Meaning) -> bool:
    return not meaning.name


def _in_words(meaning: Meaning) -> str:
    """What a code stands for; nothing where the value says it itself."""
    return "" if name_of(meaning.name, {}) == name_of(meaning.value, {}) else meaning.name

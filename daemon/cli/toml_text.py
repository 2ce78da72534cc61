"""Values as TOML 1.0 writes them, in the form that is easiest to read."""

import json
import re
from collections.abc import Iterable
from textwrap import wrap

WIDTH = 118

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def text(value: str) -> str:
    """A string: in double quotes, in single ones where it holds double quotes, escaped where neither will do."""
    if _CONTROL.search(value) or ("'" in value and ('"' in value or "\\" in value)):
        return _CONTROL.sub(_escape, json.dumps(value, ensure_ascii=False))
    return f"'{value}'" if '"' in value or "\\" in value else f'"{value}"'


def key(name: str) -> str:
    """A key, bare where it can be."""
    return name if _BARE.fullmatch(name) else text(name)


def array(values: Iterable[str]) -> str:
    """A list of strings, on one line."""
    return f"[{', '.join(map(text, values))}]"


def lines(value: str) -> str:
    """A string of several lines, which begin below the quotes."""
    escaped = value.replace("\\", "\\\\").replace('"""', '""\\"')
    kept = re.sub(r"[\x00-\x09\x0b-\x1f\x7f]", _escape, escaped)
    return f'"""\n{kept}\n"""'


def comment(words: str, first: str = "# ", following: str = "# ") -> list[str]:
    """``words`` as comments no wider than :data:`WIDTH`."""
    return wrap(
        on_one_line(words),
        WIDTH,
        initial_indent=first,
        subsequent_indent=following,
        break_long_words=False,
        break_on_hyphens=False,
    )


def aligned(pairs: Iterable[tuple[str, str, str]]) -> list[str]:
    """``key = value   # comment``, with the values under each other, and the comments too."""
    pairs = list(pairs)
    name_width = max((len(name) for name, _, _ in pairs), default=0)
    value_width = max((len(value) for _, value, said in pairs if said), default=0)
    written = []
    for name, value, said in pairs:
        line = f"{name:<{name_width}} = {value}"
        written.append(f"{line:<{name_width + 3 + value_width}}   # {on_one_line(said)}" if said else line)
    return written


def on_one_line(words: str) -> str:
    """What a comment can hold: nothing that ends it."""
    return " ".join(_CONTROL.sub(" ", words).split())


def _escape(control: re.Match[str]) -> str:
    return f"\\u{ord(control[0]):04x}"

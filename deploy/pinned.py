# ruff: noqa: INP001 - a script that runs before anything is installed
"""Prints the parts of a lock file that are for some packages and all that they need: ``pinned.py LOCK NAME...``.

What needs what stands in the file itself, in its comments ("# via"). Only Python's own library is there then.
"""

import re
import sys
from pathlib import Path

ENTRY = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)(?:\[[a-z0-9,_-]*\])?==")


def entries(text: str) -> dict[str, str]:
    """Name -> its lines: the version, the hashes, the comments."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines(keepends=True):
        match = ENTRY.match(line)
        if match:
            name = match["name"]
        if name:
            found[name] = found.get(name, "") + line
    return found


def pinned(text: str, names: list[str]) -> str:
    """The entries of ``names``, and of everything that is there on their account. Raises KeyError."""
    every = entries(text)
    wanted = {name: every[name] for name in names}
    parents = {
        name: set(re.findall(r"^ +#(?: via)? +([a-z0-9._-]+)$", lines, re.MULTILINE)) for name, lines in every.items()
    }
    while more := {name for name in every.keys() - wanted.keys() if parents[name] & wanted.keys()}:
        wanted |= {name: every[name] for name in more}
    return "".join(lines for name, lines in every.items() if name in wanted)


if __name__ == "__main__":
    try:
        sys.stdout.write(pinned(Path(sys.argv[1]).read_text(encoding="utf-8"), sys.argv[2:]))
    except KeyError as missing:
        sys.exit(f"pinned.py: {sys.argv[1]} has no {missing}")

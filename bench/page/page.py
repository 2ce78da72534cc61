"""The page: goals first, then each benchmark in words, tables and plots."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.frame import ROOT
from bench.page.numbers import number
from bench.page.plots import svg

PAGE = ROOT / "docs" / "explanation" / "performance.md"
PLOTS = ROOT / "docs" / "images" / "performance"
TEXTS = ROOT / "bench" / "texts"

HEAD = """\
<!-- Made by `make bench`, of one run and of bench/texts: change it there. -->

"""

VERDICTS = {True: "reached", False: "**missed**", None: ""}

Line = Mapping[str, Any]
"""What a benchmark printed."""


def write(lines: Sequence[Line], page: Path = PAGE, plots: Path = PLOTS) -> None:
    """Write the page and its plots."""
    plots.mkdir(parents=True, exist_ok=True)
    for old in plots.glob("*.svg"):
        old.unlink()
    for line in lines:
        for name, plot in _named(line):
            (plots / name).write_text(svg(plot), encoding="utf-8")
    page.write_text(HEAD + "\n\n".join(_parts(lines)) + "\n", encoding="utf-8")


def _parts(lines: Sequence[Line]) -> Iterator[str]:
    yield _words("intro")
    yield _goals(lines)
    for line in lines:
        yield _words(line["benchmark"])
        for table in line["tables"]:
            yield f"**{table['title']}**\n\n{_table(table['columns'], table['rows'])}"
        for name, plot in _named(line):
            yield f"![{plot['title']}](../images/performance/{name})"
        yield _circumstances(line)


def _words(name: str) -> str:
    """What is said by hand; its first line is the heading."""
    file = TEXTS / f"{name}.md"
    return file.read_text(encoding="utf-8").strip() if file.exists() else f"## {name.capitalize()}"


def _goals(lines: Sequence[Line]) -> str:
    rows = [
        [row["what"], row["goal"], row["figure"], VERDICTS[row["met"]]] for line in lines for row in line["rows"]
    ]  # fmt: skip
    return _table(["", "goal", "figure", "verdict"], rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = [f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns)]
    return "\n".join(head + [f"| {' | '.join(map(_cell, row))} |" for row in rows])


def _cell(value: str | float | None) -> str:
    match value:
        case None:
            return ""
        case str():
            return value.replace("|", "\\|")
        case _:
            return number(value)


def _circumstances(line: Line) -> str:
    machine, versions = line["machine"], line["versions"]
    said = ", ".join(f"{name} {value}" for name, value in versions.items())
    settings = ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in line["settings"].items())
    return (
        f"{machine['at']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Linux {machine['kernel']}, load"
        f" {machine['load']} at the end. {settings[:1].upper()}{settings[1:]}. Versions: {said}."
    )


def _plain(value: Any) -> str:
    match value:
        case Mapping():
            return ", ".join(f"{name} = {each}" for name, each in value.items())
        case list():
            return " and ".join(map(_plain, value))
        case int() | float():
            return number(value)
        case _:
            return str(value)


def _named(line: Line) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each plot with its file's name."""
    for plot in line["plots"]:
        title = re.sub(r"[^a-z0-9]+", "-", plot["title"].lower()).strip("-")[:40].strip("-")
        yield f"{line['benchmark']}-{title}.svg", plot

"""The benchmarks' frame, and the page that is made of their lines."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.frame import Plot, Report, Table, alternating, at_least, at_most, medians, rounded, shown
from bench.page.numbers import number
from bench.page.page import write


def test_everybody_takes_turns_and_nobody_is_always_the_first() -> None:
    assert list(alternating(["a", "b"], 3)) == ["a", "b", "b", "a", "a", "b"]


def test_a_goal_is_reached_or_missed() -> None:
    assert at_least("outbox", 0.71, 0.7, "{:.2f} of it").verdict == "reached"
    assert at_most("start", 1.6, 1.5, "{:.1f} s").verdict == "missed"
    assert not shown("rate", 5.0, "{:.0f}/s").verdict


def test_figures_are_medians_and_rounded() -> None:
    assert rounded(medians({"a": [1.0, 3.0, 2.00004]})) == {"a": 2.0}


@pytest.mark.parametrize(
    ("value", "written"), [(12345.6, "12,346"), (12.34, "12.3"), (1.234, "1.23"), (0.1234, "0.123"), (0, "0")]
)
def test_numbers_are_written_for_people(value: float, written: str) -> None:
    assert number(value) == written


def test_the_page_has_every_goal_table_and_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Report(
        "start",
        rows=[at_most("start: process to READY", 1.6, 1.5, "{:.2f} s")],
        medians={"start": 1.6},
        ratios={},
        tables=[Table("A table", ["", "a"], [["x | y", 1234.5], ["none", None]])],
        plots=[
            Plot("Bars & more", bars={"8 writers": {"Orderbell, outbox": 3.0, "other": 0.0}}),
            Plot("Lines", lines={"MiB": [(0.0, 1.0), (2.0, 143.0)]}, across="seconds"),
        ],
        versions={"python": "3.11"},
    ).print()
    line = json.loads(capsys.readouterr().out)
    write([line], tmp_path / "page.md", tmp_path / "plots")
    page = (tmp_path / "page.md").read_text()
    assert "| start: process to READY | at most 1.50 s | 1.60 s | **missed** |" in page
    assert "| x \\| y | 1,234 |" in page
    plots = sorted((tmp_path / "plots").iterdir())
    assert [plot.name for plot in plots] == ["start-bars-more.svg", "start-lines.svg"]
    for plot in plots:
        assert plot.name in page
        ET.fromstring(plot.read_text())  # it is well-formed

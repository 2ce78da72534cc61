import json
import subprocess
from collections.abc import Callable
from typing import Any

Start = Callable[..., "subprocess.Popen[str]"]


def figures_of(demo: "subprocess.Popen[str]") -> dict[str, Any]:
    output, errors = demo.communicate(timeout=150)
    assert demo.returncode == 0, errors
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    return figures


def test_many_orders_by_many_writers_tell_everyone_once(start: Start) -> None:
    figures = figures_of(start("--load", "40", "--writers", "8", "--json"))
    assert (figures["orders"], figures["writers"], figures["changes"]) == (40, 8, 280)
    assert (figures["missing"], figures["duplicates"]) == (0, 0)
    # The inbox has every status, but for offers that were taken back before anybody saw them; of the rest, what was not
    # sent was replaced by something newer.
    assert figures["expected"]["websocket"] == 40 * (7 + 7 + 2 + 3)
    assert 40 * (7 + 7 + 2) <= figures["received"]["websocket"] <= figures["expected"]["websocket"]
    assert sum(figures["received"].values()) + figures["superseded"] == sum(figures["expected"].values())


def test_at_a_modest_pace_the_queues_are_empty_within_5_s_of_the_last_commit(start: Start) -> None:
    figures = figures_of(start("--load", "200", "--writers", "16", "--orders-per-second", "20", "--json"))
    assert (figures["orders"], figures["writers"], figures["changes"]) == (200, 16, 1400)
    assert (figures["missing"], figures["duplicates"]) == (0, 0)
    assert figures["changes_queue_empty_after"] <= figures["queue_empty_after"] < 5

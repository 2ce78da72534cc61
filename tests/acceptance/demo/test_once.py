import json
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from config.load import preset_rules

Start = Callable[..., "subprocess.Popen[str]"]

PEOPLE = {"customer": 1, "vendor": 1, "driver": 1, "available_drivers": 3}
LIFECYCLE = {"created", "confirmed", "preparing", "ready", "picked_up", "in_transit", "delivered"}


def messages_of_one_order() -> dict[str, int]:
    """By channel, as the preset is written."""
    found: Counter[str] = Counter()
    for rule in preset_rules("delivery")["rule"]:
        if rule["event"].removeprefix("order.") in LIFECYCLE:
            for channel in rule["channels"]:
                found["websocket" if channel == "inbox" else channel] += PEOPLE[rule["audience"]]
    return dict(found)


def test_one_order_tells_everyone_once_of_each_status(start: Start, temporary_folder: Path) -> None:
    demo = start("--once", "--json")
    output, errors = demo.communicate(timeout=100)
    assert demo.returncode == 0, errors
    assert json.loads(output.splitlines()[-1]) == {
        "notifications": {"customer": 7, "vendor": 7, "driver": 2, "available_drivers": 3},
        "received": messages_of_one_order(),
        "missing": 0,
        "duplicates": 0,
    }
    assert not list(temporary_folder.glob("orderbell-*"))


def test_for_people_there_is_a_table(start: Start) -> None:
    demo = start("--once")
    output, errors = demo.communicate(timeout=100)
    assert demo.returncode == 0, errors
    assert "available drivers" in output
    assert "Everyone was told, once." in output

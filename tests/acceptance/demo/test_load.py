import json
import subprocess
from collections.abc import Callable

Start = Callable[..., "subprocess.Popen[str]"]


def test_many_orders_by_many_writers_tell_everyone_once(start: Start) -> None:
    demo = start("--load", "40", "--writers", "8", "--json")
    output, errors = demo.communicate(timeout=110)
    assert demo.returncode == 0, errors
    figures = json.loads(output.splitlines()[-1])
    assert (figures["orders"], figures["writers"], figures["changes"]) == (40, 8, 280)
    assert figures["received"] == figures["expected"]
    assert figures["expected"]["websocket"] == 40 * (7 + 7 + 2 + 3)
    assert (figures["missing"], figures["duplicates"]) == (0, 0)

"""``orderbell bench`` as a process, for a moment."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_short_run_has_every_figure() -> None:
    ran = subprocess.run(
        [Path(sys.executable).parent / "orderbell", "bench", "--seconds", "3", "--writers", "2", "--json"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout)
    assert figures["writers"] == 2
    assert figures["changes_per_second"] > figures["orders_per_second"] > 0
    assert figures["deliveries_per_second"] > 0
    assert 0 < figures["commit_to_planned_p50"] <= figures["commit_to_planned_p99"]
    assert set(figures["created_to_sent_p50"]) == {"email", "sms", "webpush"}

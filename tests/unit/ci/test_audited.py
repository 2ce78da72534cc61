"""What .ci/audit makes of a report: a weakness fails, silence does not."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / ".ci" / "audited.py"

SOUND = {"name": "idna", "version": "3.20", "vulns": []}
WEAK = {"name": "jinja2", "version": "3.0", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["3.1.6"]}]}
UNKNOWN = {"name": "orderbell", "skip_reason": "Dependency not found on PyPI"}


@pytest.fixture
def judge() -> Callable[..., tuple[int, list[str]]]:
    found: Callable[..., tuple[int, list[str]]] = runpy.run_path(str(SCRIPT))["judge"]
    return found


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_a_known_weakness_fails_and_is_named(judge: Callable[..., tuple[int, list[str]]]) -> None:
    status, lines = judge("requirements.lock", "osv", report(SOUND, WEAK, UNKNOWN))
    assert status == 1
    assert lines == ["audit: requirements.lock: jinja2 3.0: PYSEC-2026-1, mended in 3.1.6"]


def test_what_is_sound_passes_and_what_is_not_known_is_said(judge: Callable[..., tuple[int, list[str]]]) -> None:
    status, lines = judge("requirements.lock", "osv", report(SOUND, UNKNOWN))
    assert status == 0
    assert lines == ["audit: requirements.lock: no known weakness in 1 packages, by osv; not known there: orderbell"]


@pytest.mark.parametrize("said", ["", "not JSON", "{}", "null", report(UNKNOWN)])
def test_silence_is_neither(said: str, judge: Callable[..., tuple[int, list[str]]]) -> None:
    status, lines = judge("requirements.lock", "osv", said)
    assert status == 2
    assert "was not looked up" in lines[0]

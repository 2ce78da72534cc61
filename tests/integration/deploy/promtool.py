"""Prometheus' own tool, from Debian's package (.ci/tools), and what our files name."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # its types would be one more package
from prometheus_client import REGISTRY

ROOT = Path(__file__).parents[3]
RULES = sorted((ROOT / "deploy/prometheus").glob("*.rules.yml"))
DASHBOARD = ROOT / "deploy/grafana/dashboards/orderbell.json"
ENDINGS = ("_bucket", "_count", "_sum")


def promtool(*arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run it; fails in CI and skips elsewhere where it is absent."""
    tool = shutil.which("promtool")
    if tool is None:
        absent = "promtool is not installed: sh .ci/tools"
        if os.environ.get("CI") == "true":
            pytest.fail(absent)
        pytest.skip(absent)
    return subprocess.run([tool, *map(str, arguments)], input=given, capture_output=True, text=True, check=False)


def groups() -> list[dict[str, Any]]:
    return [group for file in RULES for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]


def rules(kind: str) -> list[dict[str, Any]]:
    """All rules that have ``kind``: "alert" or "record"."""
    return [rule for group in groups() for rule in group["rules"] if kind in rule]


def named_in(expression: str) -> set[str]:
    """The metrics of ours in it, as the registry calls them."""
    found = set(re.findall(r"(?<![:\w])(?:orderbell|process)_\w+(?!:)", re.sub(r'"[^"]*"', "", expression)))
    return {re.sub(rf"({'|'.join(ENDINGS)})$", "", name) for name in found}


def recorded_in(expression: str) -> set[str]:
    return set(re.findall(r"\b\w+:[\w:]+", re.sub(r'"[^"]*"', "", expression)))


def exposed() -> set[str]:
    """Every metric there is, under the name that Prometheus sees."""
    names: set[str] = set()
    for family in REGISTRY.collect():
        names.add(family.name + {"counter": "_total", "info": "_info"}.get(family.type, ""))
    return names

# ruff: noqa: INP001 - a script
"""Reads what pip-audit wrote: ``audited.py LOCK SERVICE REPORT``. Exit 0: looked up; 1: weak; 2: not looked up."""

import json
import sys
from pathlib import Path
from typing import Any


def judge(lock: str, service: str, report: str) -> tuple[int, list[str]]:
    """The exit status, and the lines to say."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 2, [f"audit: {lock} was not looked up: {service} does not answer"]
    found = [
        f"audit: {lock}: {package['name']} {package['version']}: {weakness['id']},"
        f" mended in {', '.join(weakness['fix_versions']) or 'no version'}"
        for package in packages
        for weakness in package.get("vulns", ())
    ]
    if found:
        return 1, found
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if packages and len(unknown) == len(packages):
        return 2, [f"audit: {lock} was not looked up: {service} knows none of its packages"]
    said = f"audit: {lock}: no known weakness in {len(packages) - len(unknown)} packages, by {service}"
    return 0, [said + (f"; not known there: {', '.join(unknown)}" if unknown else "")]


if __name__ == "__main__":
    status, lines = judge(sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_text(encoding="utf-8"))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.exit(status)

"""The rules are right by Prometheus' own tool, name what there is, and each alert says what to do."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # its types would be one more package
from prometheus_client import REGISTRY, generate_latest

from config import Settings
from daemon import metrics
from daemon.series import SKIPPED, begin_series
from dispatchers.metrics import begin_series as begin_provider
from tests.integration.deploy.promtool import DASHBOARD, ROOT, RULES, exposed, named_in, promtool, recorded_in, rules

ALERTS = rules("alert")
TESTS = sorted((ROOT / "deploy/prometheus").glob("*.rules.test.yml"))


@pytest.fixture(autouse=True)
def everything() -> None:
    importlib.import_module("daemon.supervisor")
    importlib.import_module("dispatchers.websocket.metrics")


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.name)
def test_the_rules_are_rules(file: Path) -> None:
    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_the_rules_pass_their_tests(file: Path) -> None:
    done = promtool("test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_of_a_configuration_is_one() -> None:
    done = promtool("check", "config", "--syntax-only", ROOT / "deploy/prometheus/scrape.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def cases() -> list[dict[str, Any]]:
    read = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in TESTS)
    return [case for file in read for test in file["tests"] for case in test.get("alert_rule_test", [])]


@pytest.mark.parametrize("alert", [alert["alert"] for alert in ALERTS])
def test_each_alert_fires_in_one_test_and_does_not_in_another(alert: str) -> None:
    fires = {bool(case.get("exp_alerts")) for case in cases() if case["alertname"] == alert}
    assert fires == {True, False}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_each_alert_has_a_page_that_names_it(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook"}
    page = ROOT / alert["annotations"]["runbook"]
    assert f"`{alert['alert']}`" in page.read_text(encoding="utf-8").splitlines()[2]


def test_each_page_is_some_alerts() -> None:
    pages = {f"docs/runbooks/{page.name}" for page in (ROOT / "docs/runbooks").glob("*.md")}
    assert pages == {alert["annotations"]["runbook"] for alert in ALERTS}


@pytest.mark.parametrize("rule", [*ALERTS, *rules("record")], ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_names_metrics_that_there_are(rule: dict[str, Any]) -> None:
    assert named_in(rule["expr"]) <= exposed()
    assert recorded_in(rule["expr"]) <= {rule["record"] for rule in rules("record")}


def panels() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return made


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel.get("targets", [])]


def test_the_panels_of_the_dashboard_have_ids_of_their_own_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels())
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert all(panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}" for panel in panels())
    assert all(panel["type"] == "row" or panel["description"] for panel in panels())


@pytest.mark.parametrize("expression", expressions())
def test_a_panel_names_metrics_that_there_are(expression: str) -> None:
    assert named_in(expression) <= exposed()
    assert recorded_in(expression) <= {rule["record"] for rule in rules("record")}


def test_prometheus_can_read_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    written = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(expressions())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": written}]}), encoding="utf-8")
    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_prometheus_thinks_of_our_metrics_is_nothing() -> None:
    settings = Settings.model_validate({"watch": [{"table": "orders"}]})
    begin_series(settings, ["email", "sms", "webpush"])
    begin_provider("email", "smtp")
    for collector in dict.fromkeys(REGISTRY._collector_to_names):
        names: Any = getattr(collector, "_labelnames", ())
        if getattr(collector, "_name", "").startswith("orderbell_") and names:
            child: Any = collector
            child.labels(*("x" for _ in names))
    metrics.BUILD.info({"version": "1", "python": "3"})
    done = promtool("check", "metrics", given=generate_latest(REGISTRY).decode())
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_every_reason_of_a_skipped_delivery_is_counted_from_the_start() -> None:
    migrations = "\n".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "schema/sql").glob("0*.sql")))
    listed = [part.split("))")[0] for part in migrations.split("reason IN")[1:] if "no_address" in part.split("))")[0]]
    assert set(SKIPPED) == set(listed[-1].replace("(", "").replace("'", "").replace(",", " ").split())


def test_the_buckets_have_the_five_seconds_of_the_agreement() -> None:
    for histogram in (metrics.COMMIT_TO_SENT, metrics.COMMIT_TO_PLANNED):
        assert 5.0 in histogram._kwargs["buckets"]

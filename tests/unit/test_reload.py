"""SIGHUP: what changes at once, what waits for a restart, what is refused."""

from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from config import ConfigError, Mistake, Settings
from config.names import Priority
from config.rules import Rule
from config.settings import Capture, DeliverySettings, Http, Metrics
from config.tracing import Tracing
from daemon.reload import RELOADED, Reloader, changed, merged

OLD = Settings()
RULE = Rule(event="order.ready", audience="customer", priority=Priority.HIGH)


class Manager:
    def __init__(self) -> None:
        self.told: list[str] = []

    def reloading(self) -> None:
        self.told.append("reloading")

    def ready(self) -> None:
        self.told.append("ready")


def reloader(read: Callable[[], Settings], applied: list[Settings], manager: Manager | None = None) -> Reloader:
    return Reloader(OLD, read, applied.append, manager or Manager())


def count(outcome: str) -> float:
    return REGISTRY.get_sample_value("orderbell_config_reloads_total", {"outcome": outcome}) or 0.0


def test_a_rule_that_changed_takes_effect() -> None:
    new = OLD.model_copy(update={"rule": (RULE,), "delivery": DeliverySettings(max_attempts=3)})
    applied: list[Settings] = []
    assert reloader(lambda: new, applied).reload()
    assert applied == [new]


def test_what_is_opened_at_the_start_stays_as_it_was() -> None:
    new = OLD.model_copy(update={"rule": (RULE,), "http": Http(port=1234)})
    applied: list[Settings] = []
    assert reloader(lambda: new, applied).reload()
    assert applied[0].http == OLD.http
    assert applied[0].rule == (RULE,)


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("tracing", Tracing(endpoint="http://localhost:4318/v1/traces")),
        ("tracing", Tracing(sample_ratio=0.5)),
        ("metrics", Metrics(port=1234)),
        ("metrics", Metrics(certificate_file="new.pem", key_file="new.key")),
        ("capture", Capture(source="wal")),
        ("capture", Capture(slot="another")),
        ("capture", Capture(publication="another")),
        ("capture", Capture(batch_size=1)),
    ],
)
def test_what_waits_for_a_restart_is_named_at_each_reload(section: str, value: object) -> None:
    new = OLD.model_copy(update={"rule": (RULE,), section: value})
    applied: list[Settings] = []
    one = reloader(lambda: new, applied)
    with capture_logs() as lines:
        assert [one.reload(), one.reload()] == [True, True]
    assert [line["sections"] for line in lines if line["event"] == "reload.needs_restart"] == [[section]] * 2
    assert [getattr(settings, section) for settings in applied] == [getattr(OLD, section)] * 2
    assert [line["changed"] for line in lines if line["event"] == "reload.done"] == [["rule"], []]


def test_a_broken_file_is_refused_and_the_old_one_kept() -> None:
    def broken() -> Settings:
        raise ConfigError("orderbell.toml", [Mistake("rule[0].event", "is missing")])

    applied: list[Settings] = []
    manager = Manager()
    before = count("refused")
    assert not reloader(broken, applied, manager).reload()
    assert applied == []
    assert count("refused") == before + 1
    assert manager.told == ["reloading", "ready"], "systemd waits for the ready of a reload, also of one that failed"


def test_settings_that_cannot_be_put_in_force_are_refused_too() -> None:
    def cannot(_: Settings) -> None:
        raise ConfigError("messages", [Mistake("", "no such template")])

    states: list[Settings] = []
    one = Reloader(OLD, lambda: OLD.model_copy(update={"rule": (RULE,)}), cannot, Manager())
    assert not one.reload()
    assert states == []


def test_after_a_refusal_the_next_reload_is_compared_with_what_is_in_force() -> None:
    files: list[ConfigError | Settings] = [
        ConfigError("orderbell.toml", [Mistake("", "not TOML")]),
        OLD.model_copy(update={"rule": (RULE,)}),
    ]

    def read() -> Settings:
        given = files.pop(0)
        if isinstance(given, ConfigError):
            raise given
        return given

    applied: list[Settings] = []
    one = reloader(read, applied)
    assert [one.reload(), one.reload()] == [False, True]
    assert applied[0].rule == (RULE,)


@pytest.mark.parametrize("section", sorted(RELOADED))
def test_every_section_that_is_reloaded_exists(section: str) -> None:
    assert section in Settings.model_fields


def test_what_differs_is_named() -> None:
    new = OLD.model_copy(update={"rule": (RULE,), "http": Http(port=1234)})
    assert changed(OLD, new) == {"rule", "http"}
    assert changed(OLD, merged(OLD, new)) == {"rule"}

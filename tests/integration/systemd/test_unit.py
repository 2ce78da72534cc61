"""systemd's own judgement of systemd/orderbell.service, and what the unit and the program must agree on."""

import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from config import Settings, load

UNIT = Path(__file__).parents[3] / "systemd" / "orderbell.service"

MOST_EXPOSURE = 2.0
"""Of 10; what `systemd-analyze security` calls OK ends at 4."""


def settings_of_unit() -> dict[str, list[str]]:
    """Each key of the unit with its values, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found[key].append(value)
    return found


@pytest.fixture
def analyze() -> str:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        absent = "systemd-analyze is not installed: sh .ci/tools installs it"
        pytest.fail(absent) if os.environ.get("CI") == "true" else pytest.skip(absent)
    return str(tool)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit as on a machine that has what it starts: verify wants the program to be there."""
    copy = tmp_path / UNIT.name
    copy.write_text(
        re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    return copy


def test_systemd_has_nothing_against_the_unit(analyze: str, installed: Path) -> None:
    verified = subprocess.run(
        [analyze, "verify", "--man=no", str(installed)], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_systemd_finds_a_mistake_in_a_unit(analyze: str, installed: Path) -> None:
    installed.write_text(installed.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    verified = subprocess.run(
        [analyze, "verify", "--man=no", str(installed)], capture_output=True, text=True, check=False
    )
    assert "WatchdogSecs" in verified.stderr


def test_little_is_exposed(analyze: str, installed: Path) -> None:
    judged = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", str(installed)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unrecognized option" in judged.stderr:
        pytest.skip("this systemd judges only units that are loaded")
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", judged.stdout)
    assert found, judged.stdout + judged.stderr
    print(found[0])
    assert float(found[1]) < MOST_EXPOSURE, judged.stdout


def test_every_secret_is_loaded_under_the_path_of_its_key(tmp_path: Path) -> None:
    loaded = [value.split(":") for value in settings_of_unit()["LoadCredential"]]
    values = {name: "postgresql://from/a-credential" if name == "database.url" else "x" * 32 for name, _ in loaded}
    directory = tmp_path / "credentials"
    directory.mkdir()
    for name, value in values.items():
        (directory / name).write_text(value)
    file = tmp_path / "orderbell.toml"
    file.write_text(
        '[email.dkim]\nselector = "mail2026"\n[[email.provider]]\nhost = "smtp.example.com"\nusername = "orders"\n'
        '[[sms.provider]]\naccount_sid = "AC00000000000000000000000000000000"\nfrom_number = "+12125550123"\n'
        '[webpush]\nvapid_subject = "mailto:ops@example.com"\n'
    )
    settings = load(file, {"CREDENTIALS_DIRECTORY": str(directory)})
    assert settings.auth.secret is not None
    assert settings.email.link_secret is not None
    assert settings.email.dkim.private_key is not None
    assert settings.email.provider[0].password is not None
    assert settings.webpush.vapid_private_key is not None
    assert settings.database.url.get_secret_value() == values["database.url"]
    assert settings.auth.secret.get_secret_value() == values["auth.secret"]
    assert settings.email.link_secret.get_secret_value() == values["email.link_secret"]
    assert settings.email.dkim.private_key.get_secret_value() == values["email.dkim.private_key"]
    assert settings.email.provider[0].password.get_secret_value() == values["email.provider.0.password"]
    assert settings.sms.provider[0].auth_token.get_secret_value() == values["sms.provider.0.auth_token"]
    assert settings.webpush.vapid_private_key.get_secret_value() == values["webpush.vapid_private_key"]


def test_a_secret_that_is_not_there_does_not_keep_it_from_starting() -> None:
    # systemd passes over a relative path that it does not find in /etc/credstore; an absolute one is an error.
    for value in settings_of_unit()["LoadCredential"]:
        name, path = value.split(":")
        assert path == f"orderbell.{name}"


def test_it_is_given_time_to_drain_and_to_wait_for_its_database() -> None:
    unit, settings = settings_of_unit(), Settings()
    (stop,) = unit["TimeoutStopSec"]
    # Sends in flight, then requests in flight, and room for what comes between and after.
    assert int(stop) >= 2 * settings.shutdown.drain_seconds + 15
    assert unit["TimeoutStartSec"] == ["infinity"]
    assert unit["Type"] == ["notify"]


def test_it_may_open_a_file_for_each_connection_of_the_hub() -> None:
    (files,) = settings_of_unit()["LimitNOFILE"]
    assert int(files) > Settings().hub.max_connections + 1000


def test_the_configuration_is_where_the_program_looks_by_itself() -> None:
    (command,) = settings_of_unit()["ExecStart"]
    assert command.endswith(" run --config /etc/orderbell/orderbell.toml")

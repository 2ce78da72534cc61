"""systemd's own judgement of the units in systemd/, and what they and the program must agree on."""

import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel, SecretStr

from config import Settings, load

FOLDER = Path(__file__).parents[3] / "systemd"
UNIT = FOLDER / "orderbell.service"
TEMPLATE = FOLDER / "orderbell@.service"

MOST_EXPOSURE = 2.0
"""Of 10; what `systemd-analyze security` calls OK ends at 4."""


def settings_of_unit(unit: Path = UNIT) -> dict[str, list[str]]:
    """Each key of the unit with its values, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in unit.read_text(encoding="utf-8").splitlines():
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


@pytest.fixture(params=[UNIT, TEMPLATE], ids=["unit", "template"])
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The unit as on a machine that has what it starts: verify wants the program to be there."""
    unit: Path = request.param
    copy = tmp_path / unit.name
    copy.write_text(
        re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    return copy


def named(unit: Path) -> str:
    """As systemd is asked for it: of a template, an instance."""
    return str(unit).replace("@.", "@shop.")


def test_systemd_has_nothing_against_the_unit(analyze: str, installed: Path) -> None:
    verified = subprocess.run(
        [analyze, "verify", "--man=no", named(installed)], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_systemd_finds_a_mistake_in_a_unit(analyze: str, installed: Path) -> None:
    installed.write_text(installed.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    verified = subprocess.run(
        [analyze, "verify", "--man=no", named(installed)], capture_output=True, text=True, check=False
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


def secrets_of(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """The path of every secret in the configuration; of a list's item, that of the first."""
    for name, field in model.model_fields.items():
        key = f"{path}{name}"
        for kind in kinds_in(field.annotation):
            if kind is SecretStr:
                yield key
            elif issubclass(kind, BaseModel):
                yield from secrets_of(kind, f"{key}.0." if get_origin(field.annotation) is tuple else f"{key}.")


def kinds_in(annotation: Any) -> Iterator[type]:
    """The classes that an annotation is made of."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from kinds_in(part)


def test_every_secret_is_loaded_under_the_path_of_its_key(tmp_path: Path) -> None:
    loaded = [value.split(":") for value in settings_of_unit()["LoadCredential"]]
    urls = {"database.url": "postgresql://from/a-credential", "hub.broker_url": "redis://from/a-credential"}
    values = {name: urls.get(name, f"{name} {'x' * 32}") for name, _ in loaded}
    directory = tmp_path / "credentials"
    directory.mkdir()
    for name, value in values.items():
        (directory / name).write_text(value)
    file = tmp_path / "orderbell.toml"
    file.write_text(
        '[email.dkim]\nselector = "mail2026"\n[[email.provider]]\nhost = "smtp.example.com"\nusername = "orders"\n'
        '[[sms.provider]]\naccount_sid = "AC00000000000000000000000000000000"\nfrom_number = "+12125550123"\n'
        '[metrics]\nusername = "prometheus"\n[webpush]\nvapid_subject = "mailto:ops@example.com"\n'
    )
    assert {name for name, _ in loaded} == set(secrets_of(Settings)), "every secret that there can be has its line"
    settings = load(file, {"CREDENTIALS_DIRECTORY": str(directory)})
    for name, value in values.items():
        found: Any = settings
        for part in name.split("."):
            found = found[int(part)] if part.isdecimal() else getattr(found, part)
        assert found.get_secret_value() == value


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


def test_an_instance_is_the_unit_but_for_its_names() -> None:
    one, many = settings_of_unit(), settings_of_unit(TEMPLATE)
    assert many.pop("Group") == ["orderbell"], "the group that may read the configuration"
    assert one.keys() == many.keys()
    apart = {key for key in one if one[key] != many[key]}
    assert apart == {"Description", "ExecStart", "LoadCredential", "User"}
    assert many["User"] == ["orderbell-%i"], "one instance can do nothing to another"
    (command,) = many["ExecStart"]
    assert command.endswith(" run --config /etc/orderbell/%i.toml")
    assert [value.replace("orderbell@%i.", "orderbell.") for value in many["LoadCredential"]] == one["LoadCredential"]


def test_the_lasting_user_is_the_units(tmp_path: Path) -> None:
    (user,) = settings_of_unit()["User"]
    lines = [line.split() for line in (FOLDER / "orderbell.sysusers").read_text().splitlines() if line[0] != "#"]
    assert [line[:2] for line in lines] == [["u", user]]
    folders = [line.split() for line in (FOLDER / "orderbell.tmpfiles").read_text().splitlines() if line[0] != "#"]
    assert {line[4] for line in folders} == {user, "root"}
    assert all(line[3] == "root" for line in folders), "what the daemon reads is not the daemon's to change"


@pytest.mark.parametrize(("tool", "file"), [("systemd-sysusers", "sysusers"), ("systemd-tmpfiles", "tmpfiles")])
def test_systemd_reads_them(tool: str, file: str, tmp_path: Path) -> None:
    program = shutil.which(tool)
    if program is None:
        absent = f"{tool} is not installed: sh .ci/tools installs it"
        pytest.fail(absent) if os.environ.get("CI") == "true" else pytest.skip(absent)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\norderbell:x:990:990::/:/bin/false\n")
    (tmp_path / "etc" / "group").write_text("root:x:0:\norderbell:x:990:\n")
    command = [str(program), f"--root={tmp_path}", str(FOLDER / f"orderbell.{file}")]
    if file == "tmpfiles":
        command.insert(1, "--create")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    if file == "tmpfiles":
        assert (tmp_path / "etc" / "credstore").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "etc" / "orderbell").stat().st_mode & 0o777 == 0o750

"""deploy/docker: what can be known of it without a Docker engine, and its example on a real PostgreSQL."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml  # type: ignore[import-untyped] # it publishes no types

from config import Settings, load
from schema.install import check_version, install, stale_watches
from tests import roles
from tests.pages import Page

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "docker"
PAGE = Page("docs/how-to/containers.md")
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

SCRIPTS = ("deploy/install.sh", "deploy/orderbell-shell", "deploy/docker/roles.sh")
WRITES = {"postgres": "its first start makes its folder, as root, and then it is postgres"}
"""Services that are not read-only, and why."""


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, each with its arguments."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


# --- the image ----------------------------------------------------------------------------------------------------


def test_the_image_is_nobody_special() -> None:
    last = max(number for number, (name, _) in enumerate(instructions()) if name == "FROM")
    final = instructions()[last:]
    (user,) = [arguments for name, arguments in final if name == "USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), "a number, so that Kubernetes can see that it is not root"
    assert [name for name, _ in final if name in {"HEALTHCHECK", "ENTRYPOINT", "CMD", "STOPSIGNAL"}] == [
        "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD",
    ]  # fmt: skip


def test_the_image_is_made_of_what_is_pinned() -> None:
    bases = [arguments.split()[0] for name, arguments in instructions() if name == "FROM"]
    assert all(re.search(r":\d+\.\d+-", base) for base in bases), bases
    assert "ADD" not in {name for name, _ in instructions()}
    for installed in re.findall(r"pip install[^&\n]*", DOCKERFILE):
        assert "--require-hashes" in installed or "--no-deps /dist/" in installed, installed


def test_everything_that_is_copied_is_there_and_sent_to_the_build() -> None:
    sent = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for name, arguments in instructions():
        if name == "COPY" and not arguments.startswith("--from"):
            for source in arguments.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in sent, source


def test_the_image_holds_every_package(tmp_path: Path) -> None:
    copied = {arguments.split()[0] for name, arguments in instructions() if name == "COPY"}
    assert {"config", "daemon", "demo", "dispatchers", "schema", "web"} <= copied


def test_it_asks_how_the_daemon_is_where_that_is_said() -> None:
    (check,) = [arguments for name, arguments in instructions() if name == "HEALTHCHECK"]
    assert f"http://127.0.0.1:{Settings().http.port}/livez" in check


@pytest.mark.parametrize(
    ("tool", "files"),
    [
        ("hadolint", ["deploy/docker/Dockerfile"]),
        ("shellcheck", [*SCRIPTS, ".ci/lock", ".ci/run", ".ci/venv", ".ci/audit"]),
    ],
)
def test_linters_have_nothing_against_it(tool: str, files: list[str]) -> None:
    program = shutil.which(tool, path=f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        absent = f"{tool} is not installed"
        pytest.fail(absent) if os.environ.get("CI") == "true" else pytest.skip(absent)
    judged = subprocess.run([str(program), *files], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (judged.returncode, judged.stdout + judged.stderr) == (0, "")


# --- the services -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "network_mode" not in service
    if name in WRITES:
        return
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not str(service["user"]).startswith("0"), "not root"


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_has_a_version(name: str) -> None:
    repository, _, tag = SERVICES[name]["image"].partition(":")
    assert repository
    assert re.match(r"v?\d", tag), "neither latest nor nothing"


def mounts() -> Iterator[tuple[str, str]]:
    """Service, and what of this folder is mounted into it."""
    for name, service in SERVICES.items():
        for mount in service.get("volumes", []):
            source, _, rest = mount.partition(":")
            if source.startswith("."):
                yield name, source
                assert rest.endswith(":ro"), mount
            else:
                assert source in COMPOSE["volumes"]


def test_every_mounted_file_is_there() -> None:
    found = list(mounts())
    assert len(found) > 8
    assert [source for _, source in found if not (FOLDER / source).exists()] == []


def test_what_is_reached_from_outside_is_reached_from_this_machine_only() -> None:
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_every_variable_has_its_line_in_the_example() -> None:
    example = dict(
        line.split("=", 1)
        for line in (FOLDER / ".env.example").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+):\?", text)) == example.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_a_read_only_service_has_no_secret_from_the_environment(name: str) -> None:
    """Docker would copy it into the container, and refuses where the root is read-only."""
    service = SERVICES[name]
    for secret in service.get("secrets", []):
        kept = COMPOSE["secrets"][secret if isinstance(secret, str) else secret["source"]]
        if service.get("read_only"):
            assert kept.keys() == {"file"}


def test_git_and_the_image_keep_no_secret() -> None:
    kept = {each["file"].rpartition("/")[0] for each in COMPOSE["secrets"].values()}
    assert kept == {"./secrets"}
    assert {".env", "secrets/"} <= set((FOLDER / ".gitignore").read_text(encoding="utf-8").splitlines())
    assert (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()[1] == "*"


# --- the page -----------------------------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The folder of secrets, by the commands of the page."""
    folder = tmp_path / "deploy" / "docker"
    folder.mkdir(parents=True)
    shutil.copy(FOLDER / ".env.example", folder)
    subprocess.run(["sh", "-euc", "\n".join(PAGE.section("Secrets").blocks("sh"))], cwd=tmp_path, check=True)
    return folder / "secrets"


def test_the_page_makes_every_secret_for_a_reader_whom_the_machine_does_not_know(made: Path) -> None:
    wanted = {(FOLDER / each["file"]).name for each in COMPOSE["secrets"].values()}
    assert {file.name: oct(file.stat().st_mode & 0o777) for file in made.iterdir()} == dict.fromkeys(wanted, "0o444")
    assert oct(made.stat().st_mode & 0o777) == "0o700"
    assert set(re.findall(r"^\| `([\w.]+)`", PAGE.section("Secrets").prose, re.MULTILINE)) == wanted


def test_the_secrets_of_the_page_are_the_daemons(made: Path) -> None:
    (made / "owner.url").unlink()
    settings = load(FOLDER / "orderbell.toml", {"CREDENTIALS_DIRECTORY": str(made)})
    assert settings.database.url is not None
    assert settings.database.url.get_secret_value() == "postgresql://orderbell:change-me-3@postgres/shop"


def test_the_page_names_services_that_there_are() -> None:
    lines = [line for block in PAGE.blocks("sh") for line in block.splitlines() if line.startswith("docker compose ")]
    named = [word for line in lines for word in line.split()[2:] if not word.startswith("-")]
    assert len(lines) > 5
    assert set(named) <= SERVICES.keys() | {"up", "run", "build", "status"}


def test_the_page_gives_every_engine_the_time_that_a_stop_takes_and_the_right_probes() -> None:
    grace = SERVICES["orderbell"]["stop_grace_period"].removesuffix("s")
    assert f"--stop-timeout {grace} " in PAGE.section("Install and start").text
    pod = yaml.safe_load(PAGE.section("Probes").block("yaml"))
    assert pod["terminationGracePeriodSeconds"] == int(grace)
    (container,) = pod["containers"]
    port = Settings().http.port
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": port}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz?exclude=provider", "port": port}


def test_a_stop_has_the_time_that_the_daemon_takes() -> None:
    for name in ("orderbell", "standby"):
        grace = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert grace >= 2 * Settings().shutdown.drain_seconds + 15


# --- the example --------------------------------------------------------------------------------------------------


@pytest.fixture
def example(empty_database: str) -> Iterator[str]:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute((FOLDER / "shop.sql").read_bytes())
    yield empty_database
    roles.drop(empty_database)


def settings_of(url: str) -> Settings:
    secrets = {"ORDERBELL_DATABASE__URL": url, "ORDERBELL_AUTH__SECRET": "x" * 32}
    return load(FOLDER / "orderbell.toml", secrets)


def test_the_example_is_installed_with_the_tables_that_its_roles_are_given(example: str) -> None:
    script = (FOLDER / "roles.sh").read_text(encoding="utf-8")
    given = dict(re.findall(r"--variable=(\w+)=(\S+)", script))
    settings = settings_of(example)
    with psycopg.connect(example, autocommit=True) as connection:
        assert given == {"watched": settings.watch[0].table, "read": roles.tables_of(connection, settings)}
    roles.prepare(example, settings)
    install(settings_of(roles.as_owner(example)))
    roles.grant(example)
    with psycopg.connect(roles.as_daemon(example), autocommit=True) as connection:
        check_version(connection)
        assert stale_watches(connection, settings) == []

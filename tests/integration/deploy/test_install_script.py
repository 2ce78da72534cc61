"""deploy/install.sh into a folder: what it puts where, that it does nothing twice, and what it leaves behind."""

import os
import re
import shutil
import site
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = ("config", "daemon", "demo", "deploy", "dispatchers", "schema", "systemd", "web")
FILES = ("pyproject.toml", "README.md", "LICENSE", "requirements-dev.lock")

BORROWED = os.pathsep.join(site.getsitepackages())
"""What Orderbell needs, from where these tests run: that pip installs a lock file is not what is tested."""

pytestmark = pytest.mark.timeout(300)


def run(source: Path, machine: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "deploy/install.sh", *arguments],
        cwd=source, capture_output=True, text=True, check=False,
        env={**os.environ, "DESTDIR": str(machine), "PYTHONPATH": BORROWED, **environment},
    )  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that needs little: of requirements.lock, one package with its hash."""
    folder = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    entry = subprocess.run(
        ["python3", "deploy/pinned.py", "requirements-dev.lock", "toml-not-there"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert entry.returncode == 1
    assert "has no 'toml-not-there'" in entry.stderr
    little = subprocess.run(
        ["python3", "deploy/pinned.py", "requirements-dev.lock", "idna"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (folder / "requirements.lock").write_text(little.stdout)
    return folder


@pytest.fixture(scope="module")
def machine(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("machine")
    done = run(source, folder, EXTRAS="redis")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def newer(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("newer") / "source"
    shutil.copytree(source, folder)
    with (folder / "daemon" / "__init__.py").open("a") as file:
        file.write("\n# newer\n")
    return folder


@pytest.fixture(scope="module")
def upgraded(machine: Path, newer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The machine, with one more release from long ago, after the newer version was installed."""
    folder = tmp_path_factory.mktemp("upgraded") / "machine"
    shutil.copytree(machine, folder, symlinks=True)
    (folder / "opt/orderbell/releases/0.0.9-older").mkdir()
    done = run(newer, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def current(machine: Path) -> str:
    return (machine / "opt/orderbell/current").readlink().name


def releases(machine: Path) -> set[str]:
    return {each.name for each in (machine / "opt/orderbell/releases").iterdir()}


def extras(machine: Path) -> str:
    """What the release says that it was made with; pip passes the packages over, since it finds them in BORROWED."""
    return (machine / "opt/orderbell/current/.extras").read_text(encoding="utf-8").strip()


def everything(machine: Path) -> dict[str, tuple[int, str]]:
    """Path -> mode, and content or where a link leads; of what is not in a release."""
    found = {}
    for path in sorted(machine.rglob("*")):
        name = path.relative_to(machine).as_posix()
        if name.startswith("opt/orderbell/releases/"):
            continue
        if path.is_symlink():
            found[name] = (0, str(path.readlink()))
        elif path.is_file():
            found[name] = (path.stat().st_mode & 0o777, path.read_text(encoding="utf-8"))
    return found


def test_everything_is_in_its_place(machine: Path) -> None:
    found = everything(machine)
    modes = {name: mode for name, (mode, _) in found.items()}
    release = found.pop("opt/orderbell/current")[1]
    assert modes == {
        "etc/orderbell/orderbell.toml": 0o640,
        "etc/systemd/system/orderbell.service": 0o644,
        "etc/systemd/system/orderbell@.service": 0o644,
        "etc/sysusers.d/orderbell.conf": 0o644,
        "etc/tmpfiles.d/orderbell.conf": 0o644,
        "opt/orderbell/bin": 0,
        "opt/orderbell/current": 0,
        "usr/local/bin/orderbell": 0,
        "usr/local/sbin/orderbell": 0o755,
        "usr/local/share/bash-completion/completions/orderbell": 0o644,
        "usr/local/share/fish/vendor_completions.d/orderbell.fish": 0o644,
        "usr/local/share/zsh/site-functions/_orderbell": 0o644,
        "usr/local/share/orderbell/LICENSE": 0o644,
        "usr/local/share/orderbell/postgresql/grants.sql": 0o644,
        "usr/local/share/orderbell/postgresql/roles.sql": 0o644,
    }
    assert release.startswith("releases/0.1.0-")
    assert (machine / "etc/orderbell").stat().st_mode & 0o777 == 0o750
    assert (machine / "etc/credstore").stat().st_mode & 0o777 == 0o700
    for name in ("orderbell.service", "orderbell@.service"):
        assert (machine / "etc/systemd/system" / name).read_text() == (ROOT / "systemd" / name).read_text()
    assert "complete" in found["usr/local/share/bash-completion/completions/orderbell"][1]


def test_what_the_unit_starts_is_there(machine: Path) -> None:
    program = machine / "opt/orderbell/current/bin/orderbell"
    first, *_ = program.read_text(encoding="utf-8").splitlines()
    assert first.startswith("#!/opt/orderbell/releases/0.1.0-"), "not where it was put together"
    assert str(machine) not in (program.parents[1] / "pyvenv.cfg").read_text(encoding="utf-8")
    said = subprocess.run(
        [program.parent / "python", "-P", "-c", "import daemon; print(daemon.__file__)"],
        cwd=machine, capture_output=True, text=True, check=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )  # fmt: skip
    assert Path(said.stdout.strip()).resolve().is_relative_to(program.parents[1].resolve())


def test_a_second_run_changes_nothing(source: Path, machine: Path) -> None:
    mine = machine / "etc/orderbell/orderbell.toml"
    mine.write_text("# mine\n")
    before = everything(machine)
    done = run(source, machine)
    assert (done.returncode, done.stderr) == (0, "")
    assert "wrote" not in done.stdout
    assert everything(machine) == before


def test_a_newer_version_stands_beside_the_one_before(machine: Path, upgraded: Path) -> None:
    assert current(upgraded) != current(machine)
    assert releases(upgraded) == {current(upgraded), current(machine)}


def test_the_one_before_stays_when_nothing_is_switched(machine: Path, newer: Path, upgraded: Path) -> None:
    assert run(newer, upgraded).returncode == 0
    assert releases(upgraded) == {current(upgraded), current(machine)}


def test_an_upgrade_keeps_to_the_extras_that_were_chosen(upgraded: Path) -> None:
    assert extras(upgraded) == "redis"


def test_no_extras_are_asked_for_by_an_empty_word(newer: Path, upgraded: Path, tmp_path: Path) -> None:
    copy = tmp_path / "machine"
    shutil.copytree(upgraded, copy, symlinks=True)
    assert run(newer, copy, EXTRAS="").returncode == 0
    assert current(copy) != current(upgraded)
    assert extras(copy) == ""


@pytest.mark.parametrize(
    "name", ["requirements.lock", "requirements-dev.lock", "deploy/pinned.py", "schema/__init__.py"]
)
def test_whatever_a_release_is_made_of_is_in_its_name(source: Path, tmp_path: Path, name: str) -> None:
    script = (source / "deploy/install.sh").read_text(encoding="utf-8")
    (identity,) = re.findall(r"^identity\(\) \{\n.*?^\}\n", script, re.MULTILINE | re.DOTALL)
    names = set()
    other = tmp_path / "other"
    shutil.copytree(source, other)
    for _ in range(2):
        said = subprocess.run(
            ["sh", "-euc", "say() { printf '%s\\n' \"$*\"; }\n" + identity + "identity"],
            cwd=other, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHON": "python3", "EXTRAS": ""},
        )  # fmt: skip
        names.add(said.stdout)
        with (other / name).open("a") as file:
            file.write("# another\n")
    assert len(names) == 2


def test_it_is_said_why_the_package_cannot_be_built(source: Path, tmp_path: Path) -> None:
    broken = tmp_path / "source"
    shutil.copytree(source, broken)
    with (broken / "pyproject.toml").open("a") as file:
        file.write("\n[tool.hatch.build.targets.wheel.hooks.nobody-knows]\n")
    done = run(broken, tmp_path / "machine")
    assert done.returncode == 1
    assert "nobody-knows" in done.stderr
    assert not (tmp_path / "machine/opt/orderbell/current").exists()


def test_an_extra_that_there_is_not_is_refused_before_anything_is_done(source: Path, tmp_path: Path) -> None:
    done = run(source, tmp_path, EXTRAS="redis,rabbit")
    assert done.returncode == 1
    assert "there is no optional part rabbit" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_uninstalling_leaves_the_configuration_and_the_secrets_and_purging_nothing(
    source: Path, machine: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "machine"
    shutil.copytree(machine, copy, symlinks=True)
    (copy / "etc/credstore/orderbell.auth.secret").write_text("secret")
    (copy / "etc/credstore/another.secret").write_text("not ours")
    wants = copy / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir()
    for name in ("orderbell.service", "orderbell@shop.service"):
        (wants / name).symlink_to(f"/etc/systemd/system/{name}")
    assert run(source, copy, "--uninstall").returncode == 0
    left = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if not path.is_dir() or path.is_symlink()}
    assert left == {
        "etc/orderbell/orderbell.toml", "etc/credstore/orderbell.auth.secret", "etc/credstore/another.secret",
    }  # fmt: skip
    assert run(source, copy, "--purge").returncode == 0
    left = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if not path.is_dir() or path.is_symlink()}
    assert left == {"etc/credstore/another.secret"}
    assert run(source, copy, "--uninstall").returncode == 0, "when nothing is there any more"


def test_help_says_how(source: Path, tmp_path: Path) -> None:
    assert "--uninstall" in run(source, tmp_path, "--help").stdout
    assert "what is --help-me" in run(source, tmp_path, "--help-me").stderr


def test_only_what_takes_a_pattern_is_given_one() -> None:
    lines = (ROOT / "deploy/install.sh").read_text(encoding="utf-8").splitlines()
    patterns = [line.split()[:3] for line in lines if line.strip().startswith("systemctl") and "*" in line]
    assert patterns == [["systemctl", "stop", "'orderbell@*.service'"]]


# --- root's shell -------------------------------------------------------------------------------------------------


def asked(folder: Path, *arguments: str, user: str = "0", **environment: str) -> list[str]:
    """What deploy/orderbell-shell starts, word by word, on a machine with the unit and a drop-in."""
    dropin = "[Service]\\nLoadCredentialEncrypted=auth.secret:orderbell.auth.secret\\n"
    fakes = {
        "id": f"echo {user}",
        "systemctl": f'[ "$*" = "cat orderbell.service" ] && cat {ROOT}/systemd/orderbell.service && printf "{dropin}"',
        "systemd-run": "printf '%s\\n' systemd-run \"$@\"",
        "program": "printf '%s\\n' program \"$@\"",
    }
    for name, script in fakes.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    script = (ROOT / "deploy/orderbell-shell").read_text(encoding="utf-8")
    assert "program=/opt/orderbell/bin/orderbell\n" in script
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ORDERBELL_", "_ORDERBELL_"))}
    said = subprocess.run(
        ["sh", "-c", script.replace("/opt/orderbell/bin/orderbell", str(folder / "program")), "orderbell", *arguments],
        capture_output=True, text=True, check=True,
        env={**clean, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", **environment},
    )  # fmt: skip
    return said.stdout.splitlines()


def test_root_asks_with_the_secrets_of_the_unit_and_its_drop_ins(tmp_path: Path) -> None:
    unit = (ROOT / "systemd/orderbell.service").read_text(encoding="utf-8")
    named = re.findall(r"^(?:LoadCredential|DynamicUser|User)=.*", unit, re.MULTILINE)
    command, *words = asked(tmp_path, "explain", "order: 4711", "*")
    assert command == "systemd-run"
    given = [word.removeprefix("--property=") for word in words if word.startswith("--property=")]
    assert len(named) > 8
    assert sorted(given) == sorted([*named, "LoadCredentialEncrypted=auth.secret:orderbell.auth.secret"])
    assert words[-4:] == [str(tmp_path / "program"), "explain", "order: 4711", "*"]


@pytest.mark.parametrize("variable", ["ORDERBELL_DATABASE__URL", "_ORDERBELL_COMPLETE"])
def test_no_unit_is_made_for_a_database_that_is_named_or_for_completion(tmp_path: Path, variable: str) -> None:
    assert asked(tmp_path, "install", **{variable: "given"}) == ["program", "install"]


def test_no_unit_is_made_for_another_user(tmp_path: Path) -> None:
    assert asked(tmp_path, "status", user="1000") == ["program", "status"]

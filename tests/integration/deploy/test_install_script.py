"""deploy/install.sh into a folder: what it puts where, that it does nothing twice, and what it leaves behind."""

import os
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
    done = run(source, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


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


def test_a_newer_version_stands_beside_the_one_before(source: Path, machine: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(source, newer)
    with (newer / "daemon" / "__init__.py").open("a") as file:
        file.write("\n# newer\n")
    releases = machine / "opt/orderbell/releases"
    (releases / "0.0.9-older").mkdir()
    before = str((machine / "opt/orderbell/current").readlink())
    assert run(newer, machine).returncode == 0
    after = str((machine / "opt/orderbell/current").readlink())
    assert after != before
    assert sorted(f"releases/{each.name}" for each in releases.iterdir()) == sorted([after, before])


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

"""What is built and installed: nobody else has our names, everything is pinned, and the wheel holds what runs."""

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("config", "daemon", "demo", "dispatchers", "schema")
LOCKS = ("requirements.lock", "requirements-dev.lock")
NOT_SHIPPED = "__pycache__"
"""Other tests write there meanwhile, under names of a moment too."""


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_claims_the_name_of_a_package(package: str) -> None:
    assert set(packages_distributions().get(package, [])) <= {"orderbell"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_imported_from_here(package: str) -> None:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin == str(ROOT / package / "__init__.py")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_pinned_with_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    requirements = re.split(r"\n(?=[a-z0-9])", re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE).strip())
    assert len(requirements) > 20
    for requirement in requirements:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,_-]+\])?==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_says_nothing_of_an_index(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"--\S*(?:index|find-links)\S*|\w+://\S+", text) == []


def test_what_runs_is_pinned_alike_in_both_lock_files() -> None:
    pins = [
        set(re.findall(r"^([a-z0-9][\w.-]*)(?:\[[\w,-]+\])?==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))
        for lock in LOCKS
    ]
    assert pins[0] <= pins[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        yield archive


def shipped() -> set[str]:
    """Every file of the packages, and those for browsers, under the names that they have once installed."""
    found = set()
    for package in PACKAGES:
        found |= {file.relative_to(ROOT) for file in (ROOT / package).rglob("*") if file.is_file()}
    names = {file.as_posix() for file in found if NOT_SHIPPED not in file.parts}
    return names | {f"daemon/{file.relative_to(ROOT).as_posix()}" for file in (ROOT / "web").glob("*.*")}


def test_the_wheel_holds_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == shipped()


@pytest.mark.parametrize(
    "name",
    [
        "config/messages/en.toml",
        "config/orderbell.toml",
        "config/presets/delivery.toml",
        "daemon/web/orderbell-sw.js",
        "daemon/web/orderbell.js",
        "dispatchers/email/layout.html",
        "dispatchers/email/layout.txt",
        "schema/migrations/versions/0001_initial.py",
        "schema/sql/0001_initial.sql",
        "schema/sql/capture.sql",
        *(f"{package}/py.typed" for package in PACKAGES),
    ],
)
def test_the_wheel_holds_what_is_no_python(wheel: zipfile.ZipFile, name: str) -> None:
    assert name in wheel.namelist()


def test_the_wheel_has_its_licence_and_its_command(wheel: zipfile.ZipFile) -> None:
    (licence,) = (name for name in wheel.namelist() if name.endswith(".dist-info/licenses/LICENSE"))
    assert wheel.read(licence).decode().startswith("MIT License")
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "orderbell = daemon.cli:main" in wheel.read(entry_points).decode()

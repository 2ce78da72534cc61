"""What the pages say is there: commands, options, make targets, links, configurations, metrics, tables."""

import importlib
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tomlkit
import typer
from prometheus_client import REGISTRY

from config import Settings, load
from daemon.cli.main import add_demo, application
from tests.pages import ROOT, Page

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, *languages: str) -> list[str]:
    return Page(name).blocks(*languages)


def commands_in(name: str) -> Iterator[str]:
    """What a reader would type: the lines of shell blocks, and code within a sentence."""
    for block in blocks(name, "sh", "console"):
        yield from (line.strip().removeprefix("$ ") for line in block.replace("\\\n", " ").splitlines())
    yield from re.findall(r"`([^`\n]+)`", Page(name).prose)


@cache
def options() -> dict[str, set[str]]:
    """Command, or group and command, -> its options, the long ones."""
    everything, app = typer.Typer(), application()
    everything.registered_commands = [*app.registered_commands]
    everything.registered_groups = [*app.registered_groups]
    add_demo(everything)
    return dict(options_in(typer.main.get_command(everything)))


def options_in(group: Any, before: str = "") -> Iterator[tuple[str, set[str]]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from options_in(command, f"{before}{name} ")
        else:
            long = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
            yield f"{before}{name}", long


def groups() -> set[str]:
    return {command.rpartition(" ")[0] for command in options()} - {""}


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_on_the_page_exists(name: str) -> None:
    for line in commands_in(name):
        for command, rest in re.findall(r"(?:^|[\s/(])orderbell (?!COMMAND)([a-z]+)\b([^|>`)]*)", line):
            if re.search(r"(systemctl|journalctl|security|TO|edit|pip install) *[\w-]* orderbell", line):
                continue
            named = f"{command} {rest.split()[0]}" if command in groups() and rest.split() else command
            if named in groups():
                continue  # the group as such: it has no options
            assert named in options(), line
            used = set(re.findall(r"--[a-z][a-z-]*", rest)) - {"--help"}
            assert used <= options()[named], line


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_on_the_page_exists(name: str) -> None:
    for line in commands_in(name):
        for target in re.findall(r"^make ([a-z-]+)", line):
            assert target in targets(), line


def anchors(page: Path) -> set[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    page = ROOT / name
    for target in re.findall(r"\]\(([^)\s]+)\)", Page(name).prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert linked.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(linked), target


@pytest.mark.parametrize("name", NAMES)
def test_every_configuration_on_the_page_is_one(name: str, tmp_path: Path) -> None:
    for block in blocks(name, "toml"):
        values = tomllib.loads(block)
        if values.keys() >= {"watch", "people"}:
            file = tmp_path / "orderbell.toml"
            file.write_text(block)
            load(file, {})


BASE: dict[str, Any] = {
    "preset": "delivery",
    "watch": [{"table": "public.orders", "columns": ["customer_id", "vendor_id", "driver_id", "total"]}],
    "people": {"query": "SELECT id AS user_id FROM users WHERE id = ANY(:ids)"},
    "audience": {
        "customer": {"column": "customer_id"},
        "vendor": {"column": "vendor_id"},
        "available_drivers": {"query": "SELECT user_id FROM drivers"},
    },
    "auth": {"secret": "a secret for tests that is long enough"},
}


@pytest.mark.parametrize("name", NAMES)
def test_every_part_of_a_configuration_on_the_page_has_its_place_in_one(name: str, tmp_path: Path) -> None:
    for block in blocks(name, "toml"):
        values = tomllib.loads(block)
        if values.keys() <= Settings.model_fields.keys():
            whole = {**BASE, **values, "audience": BASE["audience"] | values.get("audience", {})}
            used = {audience["column"] for audience in whole["audience"].values() if "column" in audience}
            whole["watch"] = [watch | {"columns": [*used.union(watch.get("columns", []))]} for watch in whole["watch"]]
            file = tmp_path / "orderbell.toml"
            file.write_text(tomlkit.dumps(whole))
            # A password comes from elsewhere.
            load(file, {"ORDERBELL_METRICS__PASSWORD": "hush"} if "username" in values.get("metrics", {}) else {})


def test_the_readme_shows_a_whole_configuration() -> None:
    assert any("[[watch]]" in block and "[people]" in block for block in blocks("README.md", "toml"))


def test_the_picture_is_small_enough_for_a_page() -> None:
    assert (ROOT / "docs/images/demo.png").stat().st_size < 350_000


def test_the_command_lines_page_has_every_command_and_option() -> None:
    sections = text_of("docs/reference/cli.md").split("\n## `orderbell ")[1:]
    documented = {
        section.split("`")[0]: set(re.findall(r"^\| `(--[a-z-]+)` \|", section, re.MULTILINE)) for section in sections
    }
    assert documented == options()


def metrics() -> Iterator[str]:
    """A row for each of ours in the registry."""
    for module in ("daemon.supervisor", "dispatchers.websocket.metrics"):
        importlib.import_module(module)
    for found in dict.fromkeys(REGISTRY._collector_to_names):
        collector: Any = found
        name = getattr(collector, "_name", "")
        if name.startswith("orderbell_"):
            name += {"counter": "_total", "info": "_info"}.get(collector._type, "")
            labels = ", ".join(f"`{label}`" for label in collector._labelnames)
            yield f"| `{name}` | {collector._type} | {labels} | {collector._documentation} |"


def test_the_metrics_page_has_every_metric_as_it_is() -> None:
    documented = re.findall(r"^\| `orderbell_.*$", text_of("docs/reference/metrics.md"), re.MULTILINE)
    assert sorted(documented) == sorted(metrics())


def migrations() -> str:
    """The SQL of all of them, oldest first."""
    return "\n".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "schema/sql").glob("0*.sql")))


def test_the_tables_page_has_every_table() -> None:
    section = text_of("docs/reference/schema.md").split("## Tables")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    made = set(re.findall(r"^CREATE (?:UNLOGGED )?TABLE orderbell\.(\w+)", migrations(), re.MULTILINE))
    assert documented == made | {"schema_version"}


def test_the_tables_page_has_every_reason_for_a_skipped_delivery() -> None:
    # Each list takes the place of the one before it; another table's has no such reason.
    lists = re.findall(r"reason IN\s*\(([^)]*)\)", migrations())
    listed = [reasons for reasons in lists if "no_address" in reasons][-1]
    section = text_of("docs/reference/schema.md").split("| reason of `skipped` |")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert documented == set(re.findall(r"'(\w+)'", listed))


def test_every_promise_is_shown_by_tests_that_exist() -> None:
    for section in text_of("docs/explanation/guarantees.md").split("\n## ")[1:]:
        promise, _, shown = section.partition("Shown by:\n")
        named = re.findall(r"^- `(tests/[\w/]+\.py)::(\w+)`$", shown, re.MULTILINE)
        assert named, promise
        for file, test in named:
            assert re.search(rf"^(?:async )?def {test}\(", text_of(file), re.MULTILINE), f"{file}::{test}"


def test_every_decision_is_listed_and_has_its_four_parts() -> None:
    pages = sorted(page for page in (ROOT / "docs/decisions").glob("*.md") if page.name != "README.md")
    index = text_of("docs/decisions/README.md")
    for number, page in enumerate(pages, start=1):
        text = page.read_text(encoding="utf-8")
        title = text.splitlines()[0].removeprefix("# ")
        assert title.startswith(f"{number:04}: ")
        assert page.name.startswith(f"{number:04}-")
        assert f"- [{title}]({page.name})" in index
        assert re.search(r"^Status: (proposed|accepted|superseded)", text, re.MULTILINE), page.name
        assert re.findall(r"^## (\w+)", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], page.name

"""The documentation as a site: built strictly, whole, and with nothing in it that comes from elsewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar

import pytest
from markdown_it import MarkdownIt

from tests.pages import ROOT

PAGES = sorted(page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md"))
NO_NETWORK = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")


def build(project: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "mkdocs", "build", "--site-dir", str(site)],
        cwd=project,
        env={**os.environ, **NO_NETWORK, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The site's folder, and what was said while it was built."""
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stderr


@pytest.fixture(scope="module")
def site(built: tuple[Path, str]) -> Path:
    return built[0]


def test_it_is_built_without_a_warning(built: tuple[Path, str]) -> None:
    assert "WARNING" not in built[1]


def html_of(site: Path, page: str) -> str:
    name = re.sub(r"README\.md$", "index.md", page).removesuffix(".md")
    return (site / f"{name}.html").read_text(encoding="utf-8")


class Read(HTMLParser):
    """What a page loads, and how many of each element its text has."""

    LOADS: ClassVar = {"img": "src", "script": "src", "source": "src", "iframe": "src", "video": "src", "link": "href"}
    COUNTED = ("h1", "h2", "h3", "h4", "li", "table", "pre", "img")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.counts = dict.fromkeys(self.COUNTED, 0)
        self._within = "<article" not in html
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within |= tag == "article"
        if tag in self.LOADS:
            self.loaded.append(dict(attrs).get(self.LOADS[tag]) or "")
        if self._within and tag in self.counts:
            self.counts[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        self._within &= tag != "article"


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert [url for url in Read(page.read_text(encoding="utf-8")).loaded if re.match(r"(?:[a-z]+:)?//", url)] == []
    for styles in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//[^)\"']*", styles.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_reads_as_it_does_in_the_repository(site: Path, page: str) -> None:
    """Lists and blocks are where CommonMark sees them: Python-Markdown wants blank lines and wider indents."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    expected = Read(MarkdownIt("commonmark").enable("table").render(text)).counts
    assert Read(html_of(site, page)).counts == expected


def test_a_link_into_the_code_leads_to_a_page_with_it(site: Path) -> None:
    linked = re.findall(r'href="\.\./(source/[^"]+)"', html_of(site, "explanation/architecture.md"))
    assert len(linked) > 20
    for target in linked:
        assert (site / target).is_file(), target
    assert "<code>daemon/live.py</code>" in (site / "source/daemon/live.py.html").read_text(encoding="utf-8")


def test_every_page_can_be_found_in_the_navigation(site: Path) -> None:
    menu = html_of(site, "index.md")
    for page in PAGES:
        name = re.sub(r"README\.md$", "index.md", page).removesuffix(".md")
        assert f'href="{name}.html"' in menu, page


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("# In no section", 'not included in the "nav" configuration:\n  - page.md'),
        ("[nowhere](nowhere.md)", "'nowhere.md', but the target is not found"),
        ("[no heading](index.md#nowhere)", "does not contain an anchor '#nowhere'"),
    ],
    ids=["section", "link", "anchor"],
)
def test_what_is_wrong_with_a_page_fails_the_build(tmp_path: Path, page: str, said: str) -> None:
    """A small site with the settings of ours."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# Here\n")
    (tmp_path / "docs/page.md").write_text(page)
    nav = "[index.md]" if "section" in page else "[index.md, page.md]"
    (tmp_path / "mkdocs.yml").write_text(f"INHERIT: {ROOT / 'mkdocs.yml'}\nhooks: []\nextra_css: []\nnav: {nav}\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    assert said in done.stderr

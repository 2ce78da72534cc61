# ruff: noqa: INP001 - MkDocs loads it by its path
"""What MkDocs does not do by itself, as a hook of mkdocs.yml.

- An entry of the navigation that ends with ``/*`` stands for every page of that folder, by name: a decision or a
  runbook is in the navigation as soon as it is written. ``README.md`` is the folder's own page.
- A page links to files outside of ``docs/``, the code above all, as it does in the repository. Each of them becomes a
  page of the site, as it is in this version.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

LINK = re.compile(r"(?<=\]\()(?P<path>(?:\.\./)+[^)\s#]+)(?=[)#])")
"""The target of a link that begins with ``../``, without its anchor."""

LANGUAGES = {
    ".js": "js",
    ".json": "json",
    ".py": "python",
    ".sql": "sql",
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
}


def on_config(config: MkDocsConfig) -> None:
    config.nav = _opened(config.nav)


def _opened(entry: Any) -> Any:
    """The navigation with the pages of each folder in the place of its star."""
    if isinstance(entry, list):
        return [_opened(part) for part in entry]
    if isinstance(entry, dict):
        return {title: _opened(part) for title, part in entry.items()}
    if not entry.endswith("/*"):
        return entry
    pages = (page.relative_to(DOCS).as_posix() for page in (DOCS / entry).parent.glob("*.md"))
    return sorted(pages, key=lambda page: (not page.endswith("/README.md"), page))


def outside(target: str, page: str) -> Path | None:
    """The file outside of ``docs`` that a link of ``page`` leads to, by its path from the project's folder, if any."""
    path = ((DOCS / page).parent / target).resolve()
    within = path.is_relative_to(ROOT) and not path.is_relative_to(DOCS)
    return path.relative_to(ROOT) if within and path.is_file() else None


def on_files(files: Files, config: MkDocsConfig) -> None:
    linked = {
        path
        for file in files.documentation_pages()
        for target in LINK.findall(file.content_string)
        if (path := outside(target, file.src_uri)) is not None
    }
    for path in sorted(linked):
        files.append(
            File.generated(config, f"source/{path}.md", content=_as_page(path), inclusion=InclusionLevel.NOT_IN_NAV)
        )


def _as_page(path: Path) -> str:
    text = (ROOT / path).read_text(encoding="utf-8")
    fence = "`" * (3 + max((len(run) for run in re.findall(r"`{3,}", text)), default=0))
    return (
        "---\nsearch: {exclude: true}\nhide: [toc]\n---\n"
        f"# {path.name}\n\n`{path}`\n\n{fence}{LANGUAGES.get(path.suffix, 'text')}\n{text.rstrip()}\n{fence}\n"
    )


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    up = "../" * page.file.src_uri.count("/")

    def replaced(link: re.Match[str]) -> str:
        path = outside(link["path"], page.file.src_uri)
        return link["path"] if path is None else f"{up}source/{path}.md"

    return LINK.sub(replaced, markdown)

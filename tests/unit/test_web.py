"""The files for browsers: how much a page loads, and that every language says the same."""

import gzip
import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
ENTRY = "order-bell.js"
BELL_BYTES = 15_000
"""What a page loads for ``<order-bell>`` at most, in one language."""
EVERYTHING_BYTES = 22_000
"""The same with all that comes later: settings, Web Push, sound."""
LANGUAGES = ("en", "de", "es", "fr", "ka")


def text_of(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


def bytes_of(names: set[str]) -> int:
    return sum(len(gzip.compress((WEB / name).read_bytes(), 9, mtime=0)) for name in names)


def loaded_by(name: str, language: str) -> set[str]:
    """The module, all that it imports, and the words; not what it imports when somebody asks for it."""
    text = text_of(name)
    found = {name}
    for imported in re.findall(r'from "\./([^"]+)"', text):
        found |= loaded_by(imported, language)
    if "./words." in text:
        found.add(f"words.{language}.js")
    return found


MODULES = sorted(WEB.glob("*.js"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_bell_is_less_than_15_kb(language: str) -> None:
    names = loaded_by(ENTRY, language)
    assert names == {ENTRY, "orderbell.js", "style.js", f"words.{language}.js"}
    assert bytes_of(names) < BELL_BYTES


@pytest.mark.parametrize("language", LANGUAGES)
def test_with_everything_that_can_be_opened_it_is_not_much_more(language: str) -> None:
    names = {name for name in (path.name for path in MODULES) if not re.search(r"\.[a-z]{2}\.js$", name)}
    names |= {f"words.{language}.js", f"settings.{language}.js"}
    assert bytes_of(names - {"orderbell-sw.js"}) < EVERYTHING_BYTES


@pytest.mark.parametrize("kind", ["words", "settings"])
@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_language_has_every_word(kind: str, language: str) -> None:
    keys = [re.findall(r'^  "?([\w.]+)"?:', text_of(f"{kind}.{one}.js"), re.MULTILINE) for one in ("en", language)]
    assert len(keys[0]) > 20
    assert keys[0] == keys[1]
    places = [re.findall(r"\{n\}", text_of(f"{kind}.{one}.js")) for one in ("en", language)]
    assert set(places[0]) == set(places[1])


def test_the_languages_are_those_of_the_catalogues() -> None:
    catalogues = {path.stem for path in (WEB.parent / "config" / "messages").glob("*.toml")}
    assert catalogues == set(LANGUAGES)
    assert set(re.findall(r'"(\w\w)"', re.findall(r"SPOKEN = \[(.*)\]", text_of(ENTRY))[0])) == catalogues


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_text_becomes_markup_or_code(path: Path) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|\.style\s*=\s|cssText",
        path.read_text(encoding="utf-8"),
    )

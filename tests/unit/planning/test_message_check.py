"""What ``orderbell check`` says about messages."""

from pathlib import Path

import pytest

from config import ConfigError, Settings, load
from daemon.planning.catalogue.check import mistakes_in, untranslated_in
from daemon.planning.catalogue.text import text_of
from daemon.policy import catalogue_of

CONFIGURATION = """
preset = "delivery"
[[watch]]
table = "orders"
columns = ["customer_id", "vendor_id", "total", "currency", "lines"]
[people]
query = "SELECT id AS user_id FROM users WHERE id = ANY(:ids)"
[audience.customer]
column = "customer_id"
url = "https://shop.example/orders/{{ key }}"
[audience.vendor]
column = "vendor_id"
[messages]
directory = "messages"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "messages").mkdir()
    return tmp_path / "messages"


def settings(more: str = "") -> Settings:
    Path("orderbell.toml").write_text(CONFIGURATION + more, encoding="utf-8")
    return load(Path("orderbell.toml"), {})


def found(more: str = "") -> list[str]:
    configured = settings(more)
    return [str(mistake) for mistake in mistakes_in(configured, catalogue_of(configured))]


def message(folder: Path, title: str, section: str = '"order.ready".customer', locale: str = "en") -> None:
    (folder / f"{locale}.toml").write_text(f"[{section}]\ntitle = '''{title}'''\nbody = 'b'\n", encoding="utf-8")


def test_what_ships_is_sound(folder: Path) -> None:
    assert found() == []
    configured = settings()
    assert untranslated_in(configured, catalogue_of(configured)) == []


def test_a_rule_without_words_is_named(folder: Path) -> None:
    rule = '[[rule]]\nevent = "order.lost"\naudience = "customer"\n'
    index = next(i for i, each in enumerate(settings(rule).rule) if each.event == "order.lost")
    (line,) = found(rule)
    assert line.startswith(f'rule[{index}]: no message for order.lost to customer in the catalogue "en": people')


def test_a_message_that_a_language_does_not_have_is_named(folder: Path) -> None:
    message(folder, "lost", '"order.lost".customer')
    message(folder, "verloren", '"order.lost".customer', "de-AT")
    configured = settings('[[rule]]\nevent = "order.lost"\naudience = "customer"\n')
    catalogue = catalogue_of(configured)
    assert mistakes_in(configured, catalogue) == []
    assert sorted(str(mistake) for mistake in untranslated_in(configured, catalogue)) == [
        f'messages/{locale}.toml: "order.lost".customer: is missing: people would read it in "en"'
        for locale in ("de", "es", "fr", "ka")
    ]


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("{{ vendr.name }}", 'mentions "vendr", which is never there (did you mean "vendor"?)'),
        ("{{ order.totl }}", 'reads the column "totl", which is not captured (did you mean "total"?): add it'),
        ("{{ row['tip'] }}", 'reads the column "tip", which is not captured: add it to watch[0].columns'),
        ("{{ recipient.nam }}", 'a person has no "nam" (did you mean "name"?)'),
        ("{{ order.total | date }}{{ order.total | money }}", "fails: "),
        ("{{ order.total * 2 }}", "fails when order.total is empty (NULL): TypeError"),
        ("{% for line in order.lines %}{{ line }}{% endfor %}", "fails when order.lines is empty (NULL): TypeError"),
        ("{{ recipient.name.split()[0] }}", "fails when nobody is there: UndefinedError"),
        ("{{ 1 / 0 }}", "fails: ZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_a_message_that_would_fail_is_named_with_its_path_and_cause(folder: Path, title: str, said: str) -> None:
    message(folder, title)
    (line,) = found()
    assert line.startswith(f'messages/en.toml: "order.ready".customer.title: {said}')


@pytest.mark.parametrize(
    "title",
    [
        "{{ order.total | money(order.currency) }} {{ order.id }} {{ order.status }}",
        "{% if order.total and order.total > 100 %}{{ order.total * 2 }}{% endif %}",
        "{{ order.tip | default('no tip') }}{% if order.note is defined %}{{ order.note }}{% endif %}",
        "{% for line in order.lines or [] %}{{ line.name }} {{ line.price | money('EUR') }}{% endfor %}",
        "{{ driver.name or 'somebody' }} {{ recipient.email }} {{ vendor.phone }}",
        "{{ plural(order.total, one='1 point', other='{n} points') }}",
    ],
)
def test_a_message_that_works_is_not_blamed(folder: Path, title: str) -> None:
    message(folder, title)
    assert found() == []


def test_what_is_told_of_any_event_knows_no_row_and_no_recipient(folder: Path) -> None:
    message(folder, "{{ recipient.name }}", "fallback", "de")
    message(folder, "{{ cont }}", "digest")
    assert sorted(found()) == [
        'messages/de.toml: fallback.title: mentions "recipient", which is not known here',
        'messages/en.toml: digest.title: mentions "cont", which is not known here (did you mean "count"?)',
    ]


def test_a_digest_that_fails_is_named(folder: Path) -> None:
    message(folder, "{{ entries[40].title }}", "digest")
    (line,) = found()
    assert line.startswith("messages/en.toml: digest.title: fails with 1 entries: UndefinedError")


def test_a_link_is_checked_as_a_message_is(folder: Path) -> None:
    text = CONFIGURATION.replace("{{ key }}", "{{ kye }}/{{ order.idd }}")
    Path("orderbell.toml").write_text(text, encoding="utf-8")
    configured = load(Path("orderbell.toml"), {})
    column = 'reads the column "idd", which is not captured (did you mean "id"?): add it to watch[0].columns'
    assert [str(mistake) for mistake in mistakes_in(configured, catalogue_of(configured))] == [
        'audience.customer.url: mentions "kye", which is never there (did you mean "key"?)',
        f"audience.customer.url: {column}",
    ]


def test_files_that_cannot_be_used_are_all_named(folder: Path) -> None:
    for name in ("README.toml", "de_AT.toml", "de-at.toml"):
        (folder / name).write_text("", encoding="utf-8")
    (folder / "pt.toml").write_text("[", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        catalogue_of(settings())
    assert sorted(mistake.path for mistake in refused.value.mistakes) == ["README.toml", "de_AT.toml", "pt.toml"]


def test_an_own_message_keeps_the_digest_that_ships(folder: Path) -> None:
    message(folder, "mine", '"order.created".vendor')
    catalogue = catalogue_of(settings())
    assert ("order.created", "vendor") in catalogue.shelf.locales["en"].occasions["digest"]
    assert catalogue.shelf.locales["en"].messages["order.created", "vendor"].title.source == "mine"


def test_only_the_locales_that_somebody_configured_are_compiled_at_once(folder: Path) -> None:
    text_of.cache_clear()
    message(folder, "mine", locale="de")
    locales = catalogue_of(settings()).shelf.locales
    compiled = {
        locale
        for locale, sections in locales.items()
        if any("_compiled" in vars(each.body) for each in sections.messages.values())
    }
    assert compiled == {"de"}

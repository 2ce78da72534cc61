"""The environment and secret files: where they lead, which wins, and what is said when they lead nowhere."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config import Settings

Load = Callable[..., Settings]
Lines = Callable[..., list[str]]


@pytest.fixture
def credentials(tmp_path: Path) -> Callable[..., str]:
    """Writes secret files and returns their directory."""
    directory = tmp_path / "credentials"
    directory.mkdir()

    def write(**contents: str) -> str:
        for name, content in contents.items():
            (directory / name.replace("__", ".")).write_text(content, encoding="utf-8")
        return str(directory)

    return write


def test_a_variable_wins_over_the_file(read: Load) -> None:
    settings = read("[http]\nport = 1000", ORDERBELL_HTTP__PORT="2000")
    assert settings.http.port == 2000


def test_a_secret_file_wins_over_the_file_and_a_variable_over_both(read: Load, credentials: Callable[..., str]) -> None:
    directory = credentials(database__url="dbname=from_credential\n")
    text = '[database]\nurl = "dbname=from_file"'
    from_credential = read(text, CREDENTIALS_DIRECTORY=directory).database.url
    assert from_credential.get_secret_value() == "dbname=from_credential"
    from_variable = read(
        text, CREDENTIALS_DIRECTORY=directory, ORDERBELL_DATABASE__URL="dbname=from_variable"
    ).database.url
    assert from_variable.get_secret_value() == "dbname=from_variable"


def test_items_of_a_list_are_reached_by_their_number(read: Load, credentials: Callable[..., str]) -> None:
    directory = credentials(email__provider__0__password="hush")
    settings = read(
        '[[email.provider]]\nusername = "u"',
        CREDENTIALS_DIRECTORY=directory,
        ORDERBELL_EMAIL__PROVIDER__0__HOST="mail.example.com",
    )
    (provider,) = settings.email.provider
    assert provider.password is not None
    assert (provider.host, provider.password.get_secret_value()) == ("mail.example.com", "hush")


def test_a_list_can_be_given_as_json(read: Load) -> None:
    settings = read(ORDERBELL_HTTP__ALLOWED_ORIGINS='["https://a.example", "https://b.example"]')
    assert settings.http.allowed_origins == ("https://a.example", "https://b.example")


def test_variables_alone_can_make_a_provider(read: Load) -> None:
    assert read(ORDERBELL_EMAIL__PROVIDER__0__HOST="mail.example.com").email.provider[0].port == 587


def test_a_mistake_says_which_variable_it_came_from(lines: Lines) -> None:
    assert lines("", ORDERBELL_HTTP__PORT="eighty") == [
        'http.port: must be a whole number, not "eighty" (from ORDERBELL_HTTP__PORT)'
    ]
    assert lines("", ORDERBELL_HTPP__PORT="80") == [
        'htpp: unknown key (did you mean "http"?) (from ORDERBELL_HTPP__PORT)'
    ]


def test_a_mistake_in_the_file_is_not_blamed_on_the_environment(lines: Lines) -> None:
    assert lines("[http]\nprot = 1", ORDERBELL_HTTP__PORT="80") == ['http.prot: unknown key (did you mean "port"?)']


def test_a_secret_file_without_a_key_of_its_name_is_a_mistake_with_a_hint(
    lines: Lines, credentials: Callable[..., str]
) -> None:
    assert lines("", CREDENTIALS_DIRECTORY=credentials(auth__secrt="x" * 40)) == [
        'auth.secrt: unknown key (did you mean "secret"?) (from credential auth.secrt)'
    ]


@pytest.mark.parametrize(
    ("variable", "line"),
    [
        (
            "ORDERBELL_EMAIL__PROVIDER__5__HOST",
            'email.provider[5].host: "5" is not an item of a list that has 0; ',
        ),
        ("ORDERBELL_HTTP__PORT__X", "http.port.x: http.port is a value, not a section"),
        (
            "ORDERBELL_HTTP__ALLOWED_ORIGINS__FIRST",
            'http.allowed_origins.first: "first" is not an item of a list',
        ),
    ],
)
def test_a_path_that_leads_nowhere_is_a_mistake(lines: Lines, variable: str, line: str) -> None:
    (said,) = lines("[http]\nport = 1\nallowed_origins = []\n[email]\nprovider = []", **{variable: "x"})
    assert said.startswith(line)
    assert said.endswith(f"(from {variable})")


def test_a_directory_of_secrets_that_is_absent_is_a_mistake(lines: Lines) -> None:
    assert lines("", CREDENTIALS_DIRECTORY="/nonexistent") == [
        "$CREDENTIALS_DIRECTORY cannot be read: No such file or directory"
    ]


def test_a_secret_file_that_is_no_text_is_a_mistake(lines: Lines, credentials: Callable[..., str]) -> None:
    directory = credentials()
    (Path(directory) / "database.url").write_bytes(b"\xff\xfe")
    assert lines("", CREDENTIALS_DIRECTORY=directory) == [
        '"database.url": the credential cannot be read: it is not UTF-8 text'.replace('"', "")
    ]


def test_a_secret_file_that_may_not_be_read_is_a_mistake(
    lines: Lines, credentials: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = credentials(database__url="x")
    read_text = Path.read_text

    def refuse(path: Path, encoding: str) -> str:
        # The tests may run as root, whom no mode keeps out.
        if path.name == "database.url":
            raise PermissionError(13, "Permission denied")
        return read_text(path, encoding=encoding)

    monkeypatch.setattr(Path, "read_text", refuse)
    assert lines("", CREDENTIALS_DIRECTORY=directory) == [
        "database.url: the credential cannot be read: Permission denied"
    ]


def test_what_mounts_secrets_with_hidden_files_is_left_alone(read: Load, credentials: Callable[..., str]) -> None:
    directory = credentials(auth__secret="s" * 40)
    (Path(directory) / "..data").mkdir()
    (Path(directory) / ".hidden").write_text("x", encoding="utf-8")
    assert read("", CREDENTIALS_DIRECTORY=directory).auth.secret is not None


def test_names_that_are_no_settings_are_left_alone(read: Load) -> None:
    assert read("", ORDERBELL_CONFIG="x", ORDERBELL_TEST_DATABASE_URL="y", HOME="z") == Settings()

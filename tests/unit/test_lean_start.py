"""What a daemon's process holds before it has a configuration, and what it leaves out."""

import json
import subprocess
import sys

import pytest

CALLED = """
import gc, importlib, json, sys, typer
sys.argv = ["orderbell", "run"]
typer.Typer.__call__ = lambda app: None  # it would begin to run
importlib.import_module("daemon.cli.main").main()
for channel in ("email", "sms", "webpush"):
    importlib.import_module("dispatchers." + channel)
"""

SAY = 'json.dump({"modules": [name for name, module in sys.modules.items() if module], "said": said}, sys.stdout)'

NEVER = {
    "alembic",
    "fastapi_offline",
    "opentelemetry.sdk",
    "pygments",
    "rich",
}
UNLESS_CONFIGURED = {"aiosmtpd", "dkim", "redis", "twilio"}
OPENAPI = "\nfrom daemon.api.reference import application\nsaid = application().openapi()"


def process(script: str) -> tuple[set[str], object]:
    """The modules that a fresh interpreter has after ``script``, and what that has put into ``said``."""
    run = subprocess.run([sys.executable, "-c", f"{script}\n{SAY}"], capture_output=True, text=True, check=True)
    answer = json.loads(run.stdout)
    return set(answer["modules"]), answer["said"]


@pytest.fixture(scope="module")
def started() -> tuple[set[str], object]:
    return process(f"{CALLED}\nimport babel.localedata\nsaid = list(babel.localedata._cache)")


def test_it_imports_what_it_runs_by(started: tuple[set[str], object]) -> None:
    assert {"daemon.supervisor", "fastapi", "sqlalchemy", "structlog", "dispatchers.email.dispatcher"} <= started[0]


@pytest.mark.parametrize("name", sorted(NEVER | UNLESS_CONFIGURED))
def test_it_does_not_import(started: tuple[set[str], object], name: str) -> None:
    assert name not in started[0]


def test_it_reads_no_locale_before_it_knows_which(started: tuple[set[str], object]) -> None:
    assert started[1] == []


def test_what_a_locale_writes_is_read_when_somebody_reads_in_it() -> None:
    catalogue = "from daemon.policy import catalogue_of\nfrom config import Settings\nmade = catalogue_of(Settings())"
    cached = "import json, sys, babel.localedata\nsaid = list(babel.localedata._cache)"
    assert process(f"{catalogue}\n{cached}")[1] == []
    written = "from daemon.planning.catalogue.locales import babel_locale\nbabel_locale('de').number_symbols"
    assert "de" in process(f"{catalogue}\n{written}\n{cached}")[1]  # type: ignore[operator]  # a list, here


def test_with_texts_to_send_it_imports_twilio() -> None:
    modules, _ = process(f"{CALLED}\nimport dispatchers.sms.dispatcher\nsaid = None")
    assert "twilio.rest" in modules


def test_the_openapi_document_is_the_same() -> None:
    assert process(f"{CALLED}{OPENAPI}")[1] == process(f"import json, sys{OPENAPI}")[1]


def test_other_commands_have_the_whole_of_their_libraries() -> None:
    modules, _ = process("import json, sys, daemon.cli.check\nsaid = None")
    assert "rich" in modules

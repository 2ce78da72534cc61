"""The token for the browser, made by the code of the pages: Orderbell takes it, and a guest gets none."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import jwt
import pytest
from playwright._impl._driver import compute_driver_executable

from config.settings import Auth
from daemon.api.auth import Tokens
from tests.integration.docs.conftest import SECRET
from tests.integration.docs.preludes import PHP, RUBY
from tests.pages import Page

MINUTES = range(1, 16)


def accepted(token: str) -> None:
    """It is the user 7's, and for some minutes."""
    identity = Tokens(Auth.model_validate({"secret": SECRET, "leeway_seconds": 0})).verify(token)
    assert identity.user_id == "7"
    assert int(identity.expires_at.timestamp() - time.time() + 30) // 60 in MINUTES


def run(command: list[str], folder: Path, user: str) -> Any:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "USER_ID": user, "ORDERBELL_AUTH__SECRET": SECRET},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Response:
    def __init__(self, content: Any = None, status: int = 200) -> None:
        self.content, self.status = content, status


def django_view(page: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The view of this page, in a Django of two modules."""
    modules = {
        "django": types.ModuleType("django"),
        "django.conf": types.SimpleNamespace(settings=types.SimpleNamespace(ORDERBELL_SECRET=SECRET)),
        "django.http": types.SimpleNamespace(HttpResponse=Response, JsonResponse=Response),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    (code,) = [block for block in Page(page).blocks("python") if "import jwt" in block]
    names: dict[str, Any] = {}
    exec(code, names)  # the page's code is what is tested
    (view,) = [value for name, value in names.items() if name.endswith("_token")]
    return view


@pytest.mark.parametrize("page", ["docs/how-to/django.md", "docs/how-to/bell.md"])
def test_djangos(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    view = django_view(page, monkeypatch)
    user = types.SimpleNamespace(is_authenticated=True, pk=7)
    accepted(view(types.SimpleNamespace(user=user)).content["token"])
    user.is_authenticated = False
    assert view(types.SimpleNamespace(user=user)).status == 401


def test_the_shells(tmp_path: Path) -> None:
    script = Page("docs/how-to/plain-sql.md").section("The token").block("sh")
    done = subprocess.run(
        ["sh", "-euc", script],
        env={"PATH": os.environ["PATH"], "USER_ID": "7", "ORDERBELL_AUTH__SECRET": SECRET},
        capture_output=True,
        text=True,
        check=True,
    )
    accepted(done.stdout.strip())


def test_nodes(tmp_path: Path) -> None:
    (tmp_path / "page.mjs").write_text(Page("docs/how-to/plain-sql.md").section("The token").block("js"))
    (tmp_path / "run.mjs").write_text(
        'import { token } from "./page.mjs";\n'
        "console.log(JSON.stringify({ token: token(7, process.env.ORDERBELL_AUTH__SECRET) }));\n"
    )
    node, _ = compute_driver_executable()
    accepted(run([node, "run.mjs"], tmp_path, "7")["token"])


CODE = {"rails": ("ruby", RUBY, "claims ="), "laravel": ("php", PHP, "$claims =")}


@pytest.mark.parametrize("name", CODE)
def test_rails_and_laravels(name: str, tmp_path: Path) -> None:
    """By their interpreters where they are installed; the claims alone where they are not."""
    program, prelude, claims = CODE[name]
    (code,) = [block for block in Page(f"docs/how-to/{name}.md").blocks(program) if claims in block]
    if shutil.which(program) is None:
        (said,) = re.findall(rf"{re.escape(claims)} (.+)$", code, re.MULTILINE)
        assert re.search(r"sub\W.*(to_s|\(string\)).*exp\W.*time.* \+ 600\b", said, re.IGNORECASE)
        assert re.search(r"JWT(\.|::)encode\(\$?claims, .*(secret|'services\.orderbell\.secret'\)), .HS256.\)", code)
        accepted(jwt.encode({"sub": str(7), "exp": int(time.time()) + 600}, SECRET, "HS256"))
        return
    (tmp_path / "page").write_text(prelude.replace("PAGE\n", f"{code}\n", 1))
    accepted(run([program, "page"], tmp_path, "7")["token"])
    assert run([program, "page"], tmp_path, "")["status"] in {401, "unauthorized"}

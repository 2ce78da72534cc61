"""``docs/reference/rest.md``, made from the OpenAPI document: ``python -m daemon.api.reference > FILE``."""

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from fastapi import FastAPI

from config import Settings
from daemon.api.admin import Admin
from daemon.api.app import create_app
from daemon.api.auth import Tokens
from daemon.api.database import create_engine
from daemon.api.inbox import Inbox
from daemon.api.routes.admin import install as install_admin
from daemon.api.routing import LARGEST_ID
from daemon.api.settings_store import Obeyed
from daemon.connections import Connections
from daemon.feedback.record import Feedback
from daemon.planning.catalogue import Catalogue
from daemon.planning.policy import Policy
from daemon.store.lookup import Lookup
from dispatchers.websocket import Reading

HEAD = """# REST API

<!-- Made from the OpenAPI document by `python -m daemon.api.reference`; a test asserts that it is current. -->

The daemon serves this beside the [hub](websocket.md), as JSON. `GET /openapi.json` is the same for programs, and
`GET /docs` is a page to try it on.

- **Who asks** is said by a token: `Authorization: Bearer TOKEN`, a JWT as `[auth]` in the
  [configuration](configuration.md#auth) describes it. Each person sees and changes what is theirs; what is another's
  is answered as what is not there is, with 404. Routes under `/api/admin` want the role `auth.admin_role`.
- **Errors** are problem documents (RFC 9457), `application/problem+json`: `title`, `status`, `detail`. 401: the token
  is missing or no good (`code` says how); 403: for staff only; 404: there is no such thing of this person's; 413: the
  body is too large; 422: the request is not what the route takes (`errors` says where and why); 429 and 503: as
  follows.
- **Rate**: each person may ask `http.requests_per_second` times a second on average, five seconds' worth at once; then
  the answer is 429, and `Retry-After` says after how many seconds to come back. A 503 says so, too, where it is known.
  What looks through a whole inbox (search with `q`, statistics, `archive-read`, clearing what is read) is done one at a
  time for each person; one more may wait, the next is answered with 429.
- **Moments** are RFC 3339, in UTC. **Ids** are whole numbers, larger for what is newer.
- Whatever is done here shows at once on every screen of that person that is connected to the hub.
"""

METHODS = ("get", "put", "post", "patch", "delete")

Json = dict[str, Any]


def application() -> FastAPI:
    """The application with all its routes, and nothing behind them: it connects to nothing until it is asked."""
    settings = Settings()
    engine = create_engine(settings.database)
    inbox, connections = Inbox(engine), Connections(settings.database)

    async def readiness() -> dict[str, str | None]:
        return {}

    def obeyed() -> Obeyed:
        raise LookupError("there are no rules here")

    app = create_app(
        settings,
        tokens=Tokens(settings.auth),
        engine=engine,
        inbox=inbox,
        reading=Reading(inbox, lambda *_: None),
        vapid_public_key=None,
        readiness=readiness,
        feedback=Feedback(connections.pool(), settings.delivery),
        obeyed=obeyed,
    )
    catalogue = Catalogue({"en": {"fallback": {"title": "-", "body": "-"}}}, "en")
    policy = Policy.of((), catalogue, (), timedelta(days=1))
    install_admin(app, Admin(engine, connections, settings, policy, Lookup({}, None)))
    return app


def reference(document: Json) -> str:
    """The page of an OpenAPI document."""
    schemas: dict[str, Json] = document.get("components", {}).get("schemas", {})
    tags: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                operation = operations[method]
                section = "\n".join(_operation(method, path, operation, schemas))
                tags.setdefault(operation["tags"][0], []).append(section)
    parts = [HEAD, *(f"## {tag.capitalize()}\n\n" + "\n".join(sections) for tag, sections in tags.items())]
    parts.append("## Objects\n\n" + "\n".join(_object(name, schemas[name]) for name in sorted(schemas, key=str.lower)))
    return "\n".join(parts)


def _operation(method: str, path: str, operation: Json, schemas: dict[str, Json]) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`\n"
    yield f"{_line(str(operation.get('description', '')))}\n"
    if not operation.get("security"):
        yield "Needs no token.\n"
    parameters = operation.get("parameters", [])
    if parameters:
        yield "| parameter | in | type | default | |"
        yield "| --- | --- | --- | --- | --- |"
        for each in parameters:
            default = "required" if each.get("required") else _default(each["schema"])
            what = _line(each.get("description", ""))
            yield f"| `{each['name']}` | {each['in']} | {_type(each['schema'])} | {default} | {what} |"
        yield ""
    body = json_of(operation.get("requestBody", {}))
    if body is not None:
        yield f"Body: {_type(body)}, such as\n"
        yield f"```json\n{json.dumps(example_of(body, schemas), ensure_ascii=False)}\n```\n"
    said = {status: json_of(answer) for status, answer in sorted(operation["responses"].items())}
    answers = [f"{status} with {_type(schema)}" if schema else status for status, schema in said.items()]
    yield f"Answers: {', '.join(answers)}.\n"


def json_of(thing: Json) -> Json | None:
    """The schema of a body or an answer; None where it has no JSON."""
    content: Json = thing.get("content", {}).get("application/json", {})
    return content.get("schema")


def _object(name: str, schema: Json) -> str:
    lines = [f"### {name}\n"]
    if "description" in schema:
        lines.append(f"{_line(schema['description'])}\n")
    if "enum" in schema:
        lines.append(f"{_type(schema)}\n")
    properties = schema.get("properties", {})
    if properties:
        lines += ["| field | type | |", "| --- | --- | --- |"]
        lines += [
            f"| `{field}` | {_type(of)} | {_line(of.get('description', ''))} |" for field, of in properties.items()
        ]
        lines.append("")
    return "\n".join(lines)


def _type(schema: Json) -> str:
    """In words, with a link to what is described further down."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            words = f"[{name}](#{name.lower()})"
        case {"anyOf": [*each]}:
            words = " or ".join(dict.fromkeys(map(_type, each)))
        case {"const": value}:
            words = f"`{json.dumps(value)}`"
        case {"enum": [*values]}:
            words = ", ".join(f"`{value}`" for value in values)
        case {"type": "array"}:
            words = f"list of {_type(schema.get('items', {}))}"
        case {"additionalProperties": {"type": _} as values}:
            words = f"object of {_type(values)}"
        case {"format": "date-time"}:
            words = "moment"
        case _:
            kind = str(schema.get("format", schema.get("type", "anything")))
            words = " ".join([kind, *_bounds(schema)])
    return words


def _bounds(schema: Json) -> Iterator[str]:
    for key, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "of at most")):
        if key in schema and schema[key] != LARGEST_ID:
            yield f"{word} {schema[key]:g}" + (" characters" if key == "maxLength" else "")


def _default(schema: Json) -> str:
    return f"`{json.dumps(schema['default'])}`" if schema.get("default") not in (None, []) else ""


def example_of(schema: Json, schemas: dict[str, Json]) -> Any:
    """One that a schema gives, or one that is made of its fields'."""
    match schema:
        case {"$ref": str(reference)}:
            example = example_of(schemas[reference.rpartition("/")[2]], schemas)
        case {"examples": [first, *_]} | {"default": first} | {"enum": [first, *_]}:
            example = first
        case {"anyOf": [dict(first), *_]}:
            example = example_of(first, schemas)
        case {"properties": _}:
            example = {name: example_of(of, schemas) for name, of in schema["properties"].items()}
        case {"type": "array", "items": dict(item)}:
            example = [example_of(item, schemas)]
        case _:
            example = {"integer": 1, "number": 1.0, "boolean": True, "object": {}}.get(schema.get("type", ""), "")
    return example


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("``", "`")


if __name__ == "__main__":
    sys.stdout.write(reference(application().openapi()))

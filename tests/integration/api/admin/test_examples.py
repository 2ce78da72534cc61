"""Whoever copies an example out of the OpenAPI document has something that works."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from daemon.api.reference import example_of, json_of

if TYPE_CHECKING:
    from tests.integration.api.admin.conftest import Office


def examples(document: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(method, path, body) of every example that a body has; of one without, what the reference makes of its fields."""
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = json_of(operation.get("requestBody", {}))
            if body is None:
                continue
            schema = body if "$ref" not in body else schemas[body["$ref"].rpartition("/")[2]]
            for example in schema.get("examples") or [example_of(body, schemas)]:
                yield method.upper(), path, example


async def test_every_example_is_accepted(office: "Office") -> None:
    await office.post("/announcements", {"title": "One to change"}, 201)
    words = {"event": "order.ready", "audience": "customer", "title": "Ready", "body": "{{ label }}"}
    await office.post("/templates", words, 201)
    tried = 0
    for method, path, body in examples(office.api.app.openapi()):
        concrete = path.replace("{channel}", "email").replace("{key}", "lunch")
        for parameter in ("notification_id", "announcement_id", "template_id", "delivery_id"):
            concrete = concrete.replace("{" + parameter + "}", "1")
        answer = await office.client.request(method, concrete, json=body)
        assert answer.status_code < 422, (method, path, body, answer.text)
        tried += 1
    assert tried > 20

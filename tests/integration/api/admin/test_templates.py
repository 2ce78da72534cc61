"""Words that staff writes over the API."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.api.admin.conftest import Office

WORDS = {
    "event": "order.ready",
    "audience": "customer",
    "title": "Ready: {{ label }}",
    "body": "{{ customer.name }}, {{ order.total | money('EUR') }}, please.",
    "text": "Your order {{ label }} is ready.",
}


async def draft(office: "Office", **more: Any) -> Any:
    return await office.post("/templates", WORDS | more, 201)


async def test_a_template_goes_from_draft_to_published_to_retired(office: "Office") -> None:
    first, second = await draft(office, locale="de_at"), await draft(office, locale="de-AT")
    assert [(each["version"], each["state"], each["locale"]) for each in (first, second)] == [
        (1, "draft", "de-AT"),
        (2, "draft", "de-AT"),
    ]
    assert first["author"] == "ada"
    assert first["faults"] == []
    assert (await office.post(f"/templates/{first['id']}/publish"))["state"] == "published"
    assert (await office.post(f"/templates/{second['id']}/publish"))["state"] == "published"
    assert (await office.get(f"/templates/{first['id']}"))["state"] == "retired"
    assert (await office.post(f"/templates/{second['id']}/publish"))["state"] == "published"
    assert (await office.post(f"/templates/{second['id']}/retire"))["state"] == "retired"
    audited = await office.audited()
    assert [action for action, *_ in audited] == [
        "template.draft",
        "template.draft",
        "template.publish",
        "template.publish",
        "template.retire",
    ]
    place = {"event": "order.ready", "audience": "customer", "locale": "de-AT", "version": 2}
    assert audited[3][1:] == (f"template:{second['id']}", place | {"instead_of": 1})


async def test_the_list_has_every_version_and_can_be_narrowed_down(office: "Office") -> None:
    ids = [(await draft(office))["id"] for _ in range(3)]
    sms = (await draft(office, channel="sms", locale="de"))["id"]
    assert [each["id"] for each in await office.pages("/templates", limit=2)] == [sms, *reversed(ids)]
    assert [each["id"] for each in await office.pages("/templates", locale="DE")] == [sms]
    assert [each["id"] for each in await office.pages("/templates", channel="")] == ids[::-1]
    await office.post(f"/templates/{ids[0]}/publish")
    assert [each["id"] for each in await office.pages("/templates", state="published")] == [ids[0]]
    assert await office.pages("/templates", event="order.lost") == []


async def test_words_that_say_something_wrong_are_kept_and_not_published(office: "Office") -> None:
    made = await draft(office, title="{{ lable }}")
    (fault,) = made["faults"]
    assert fault["at"] == '"order.ready".customer.title'
    assert 'did you mean "label"?' in fault["problem"]
    ((at, problem),) = await office.errors("POST", f"/templates/{made['id']}/publish")
    assert (at, problem) == (fault["at"], fault["problem"])
    assert (await office.get(f"/templates/{made['id']}"))["faults"] == [fault]
    assert (await office.post(f"/templates/{made['id']}/publish", {"anyway": True}))["state"] == "published"


@pytest.mark.parametrize(
    ("given", "where", "said"),
    [
        ({"event": "order.redy"}, "body.event", 'did you mean "order.ready"?'),
        ({"audience": "custommer"}, "body.audience", 'did you mean "customer"?'),
        ({"channel": "webpush"}, "body.channel", "there is email, sms"),
        ({"locale": "german"}, "body.locale", "is not a locale"),
        ({"title": "{{ label"}, "body.title", "end of template"),
        ({"body": "{% include 'x' %}"}, "body.body", "include"),
        ({"title": "x" * 10_001}, "body.title", "at most 10000"),
        ({"text": "\0"}, "body.text", "match pattern"),
        ({"action": "\ud800"}, "body.action", "valid string"),
    ],
)
async def test_words_that_cannot_be_used_are_refused_with_their_place(
    office: "Office", given: dict[str, Any], where: str, said: str
) -> None:
    for path, body, at in (
        ("/templates", WORDS | given, where),
        ("/templates/preview", {"words": WORDS | given}, where.replace("body.", "body.words.", 1)),
    ):
        errors = await office.errors("POST", path, body)
        assert any(found == at and said in problem for found, problem in errors), errors
    assert await office.pages("/templates") == await office.audited() == []


async def test_a_preview_takes_a_row_that_might_be_until_there_is_one(office: "Office") -> None:
    made = await draft(office)
    preview = await office.post("/templates/preview", {"template": made["id"]})
    assert (preview["real"], preview["title"]) == (False, "Ready: #4711")
    await office.told(1)
    await office.told(2, subject="order:2")
    preview = await office.post("/templates/preview", {"template": made["id"]})
    assert (preview["real"], preview["subject"], preview["reader"]) == (True, "order:2", "Ann")
    assert preview["title"] == "Ready: #2"
    assert preview["body"] == "Ann, €12.50, please."
    assert preview["sms"] == {
        "text": "Your order #2 is ready.",
        "segments": 1,
        "encoding": "GSM-7",
        "error": None,
    }
    assert preview["error"] is None
    of_one = await office.post("/templates/preview", {"template": made["id"], "order": "1"})
    assert of_one["title"] == "Ready: #1"
    assert len(await office.audited()) == 1


async def test_a_preview_of_new_words_keeps_nothing_and_names_what_fails(office: "Office") -> None:
    preview = await office.post("/templates/preview", {"words": WORDS | {"title": "{{ 1 / 0 }}"}})
    assert "title" in preview["error"] or "ZeroDivisionError" in preview["error"]
    assert preview["faults"][0]["at"] == '"order.ready".customer.title'
    assert await office.pages("/templates") == []


async def test_the_sandbox_lets_no_words_out(office: "Office") -> None:
    preview = await office.post("/templates/preview", {"words": WORDS | {"body": "{{ ''.__class__ }}"}})
    assert "SecurityError" in preview["error"]
    assert "SecurityError" in preview["faults"][0]["problem"]


async def test_a_preview_that_runs_away_ends(office: "Office") -> None:
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}"
    preview = await office.post("/templates/preview", {"words": WORDS | {"body": endless}})
    assert preview["error"]


async def test_a_preview_of_what_there_is_not_says_so(office: "Office") -> None:
    await office.post("/templates/preview", {"template": 99}, 404)
    await office.post("/templates/preview", {}, 422)
    await office.post("/templates/preview", {"template": 1, "words": WORDS}, 422)
    ((at, _),) = await office.errors("POST", "/templates/preview", {"words": WORDS, "order": "99"})
    assert at == "body.order"
    german = WORDS | {"locale": "de"}
    ((at, _),) = await office.errors("POST", "/templates/preview", {"words": german, "locale": "fr"})
    assert at == "body.locale"


async def test_one_that_there_is_not_is_not_found(office: "Office") -> None:
    await office.ask("GET", "/templates/9", status=404)
    await office.post("/templates/9/publish", status=404)
    await office.post("/templates/9/retire", status=404)

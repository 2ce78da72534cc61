"""The page about the REST API, and the page to try it on."""

from pathlib import Path

from daemon.api.reference import application, reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "rest.md"


def test_the_page_about_the_rest_api_is_current() -> None:
    page = reference(application().openapi())
    assert PAGE.read_text(encoding="utf-8") == page, "run: python -m daemon.api.reference > docs/reference/rest.md"


def test_every_field_and_parameter_is_described_or_has_a_name_that_says_it() -> None:
    document = application().openapi()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation.get("description"), path
            for parameter in operation.get("parameters", ()):
                assert parameter.get("description"), (path, parameter["name"])

"""Whatever the OpenAPI document lets a client say, and what it does not: never a 500, always what it promises.

``ORDERBELL_TEST_EXAMPLES`` says how many requests of each kind every operation gets.
"""

import asyncio
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy, one_of
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Err
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

EXAMPLES = int(os.environ.get("ORDERBELL_TEST_EXAMPLES", "8"))

ALWAYS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

STAFF = "the staff"

Operation = APIOperation[Any, Any, Any, Any]
AnyCase = Case[Any]


async def test_every_operation_answers_as_its_document_says(whole: "Api") -> None:
    await whole.store(STAFF, *range(1, 200))
    document = whole.app.openapi()
    headers = {"Authorization": f"Bearer {whole.tokens.mint(STAFF, roles=frozenset({'admin'}))}"}
    failures = await asyncio.to_thread(lambda: list(failing(document, whole.url, headers)))
    assert not failures, "\n\n".join(failures)


def failing(document: dict[str, Any], url: str, headers: dict[str, str]) -> Iterator[str]:
    """What is wrong with each operation that does not keep its promises."""
    operations: list[Operation] = []
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        assert not isinstance(found, Err), found
        operations.append(found.ok())
    # Single ones first, and to take away last: else nothing would be there to be asked for.
    for operation in sorted(operations, key=lambda each: (not ids_of(each), each.method == "delete")):
        for mode in GenerationMode:
            try:
                attempt(operation, mode, url, headers)
            except Unsatisfiable:
                continue  # it takes nothing that could be wrong
            except (Exception, FailureGroup) as error:  # noqa: BLE001 - the others are tried all the same
                yield f"{operation.label}, {mode.value}: {error!r}\n{error}"


def attempt(operation: Operation, mode: GenerationMode, url: str, headers: dict[str, str]) -> None:
    """Raises what the first request that goes wrong is to be reported with."""
    # Of a query, the generator takes for wrong what is written like nothing at all: ?category= with an empty list.
    refused = mode is GenerationMode.NEGATIVE and bool(operation.body)
    checks = [*ALWAYS, *([negative_data_rejection] if refused else [])]

    @given(case=cases(operation, mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: AnyCase) -> None:
        case.call_and_validate(base_url=url, headers=headers, checks=checks, timeout=20)

    run()


def cases(operation: Operation, mode: GenerationMode) -> SearchStrategy[AnyCase]:
    """Requests; most of those with an id in the path are about something that is there."""
    anything = operation.as_strategy(generation_mode=mode)
    ids = ids_of(operation)
    there = (
        [operation.as_strategy(mode, path_parameters=dict.fromkeys(ids, number)) for number in (1, 2)] if ids else []
    )
    return one_of(anything, *there)


def ids_of(operation: Operation) -> list[str]:
    return [parameter.name for parameter in operation.path_parameters if parameter.name.endswith("_id")]

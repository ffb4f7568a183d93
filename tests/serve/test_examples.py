"""Each answer that the OpenAPI document shows as an example is one by its own schema, and whole."""

from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from litestar.testing import TestClient

from tests.serve.conftest import VOLUME, recording_id

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document(client: TestClient) -> Document:
    found: Document = client.get("/api/v1/openapi.json").json()
    return found


def shown(document: Document) -> dict[tuple[str, str], Document]:
    """(operation, status) → media type object of JSON."""
    return {
        (operation["operationId"], status): media
        for path in document["paths"].values()
        for operation in path.values()
        for status, answer in operation["responses"].items()
        for kind, media in answer.get("content", {}).items()
        if kind in ("application/json", "application/problem+json")
    }


def test_every_answer_has_an_example_that_its_schema_allows(document: Document) -> None:
    media = shown(document)
    assert len({operation for operation, _ in media}) == 19
    for place, one in media.items():
        schema = {"components": document["components"], **one["schema"]}
        errors = [e.message for e in Draft202012Validator(schema).iter_errors(one["example"])]
        assert errors == [], place


@pytest.mark.parametrize(
    ("operation", "path"),
    [("search", "/search?q=zaz&facets=true&highlights=true"),
     ("readRecording", f"/recordings/{recording_id(1)}"),
     ("readRights", f"/recordings/{recording_id(1)}/rights?territory=DE"),
     ("readEdition", "/edition"), ("listVolumes", "/volumes"),
     ("listVolumeFiles", f"/volumes/{VOLUME}/files")],
)  # fmt: skip
def test_an_example_says_as_much_as_an_answer(
    client: TestClient, document: Document, operation: str, path: str
) -> None:
    told = client.get(f"/api/v1{path}").json()
    check_fields(told, shown(document)[operation, "200"]["example"])


def check_fields(one: Any, other: Any) -> None:
    """Objects have the same fields, all the way down; of lists the first entries are compared."""
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            check_fields(value, other[key])
    elif isinstance(one, list) and isinstance(other, list) and one and other:
        check_fields(one[0], other[0])

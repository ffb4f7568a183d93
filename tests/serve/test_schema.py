"""Schemathesis against the API: what the OpenAPI document says, the server keeps, and nothing that
is asked breaks it."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from litestar import Litestar
from litestar.testing import TestClient
from litestar.types import Receive, Scope, Send
from schemathesis.checks import CHECKS
from schemathesis.specs.openapi.checks import (
    positive_data_acceptance,
    unsupported_method,
)

from phonotheque.model.numbers import Kind, format_public_id
from tests.serve.conftest import KEY, VOLUME, recording_id

REAL = {
    "/api/v1/recordings/": ("public_id", recording_id(1)),
    "/api/v1/releases/": ("public_id", format_public_id(1, KEY, Kind.RELEASE)),
    "/api/v1/artists/": ("public_id", format_public_id(1, KEY, Kind.ARTIST)),
    "/api/v1/volumes/": ("volume", VOLUME),
    "/api/v1/editions/": ("name", "2026-11"),
}
"""Of what is generated, every other one is put in the place of what names nothing here."""
SOME = ["lookupBatch", "readRecording", "readRights", "listChanges"]
LITTLE = settings(
    max_examples=1,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
MUCH = settings(LITTLE, max_examples=60, phases=[Phase.explicit, Phase.generate])


@pytest.fixture(scope="module")
def api(app: Litestar, client: TestClient) -> Any:
    async def running(scope: Scope, receive: Receive, send: Send) -> None:
        """The application as the client has begun it, which each request would end otherwise."""
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})  # type: ignore[misc, arg-type]

    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", running)


schema = schemathesis.pytest.from_fixture("api")


def check(case: Any) -> None:
    positive = case.meta is None or case.meta.generation.mode.is_positive
    for place, (name, value) in REAL.items():
        if positive and case.operation.path.startswith(place) and len(str(case.body)) % 2:
            case.path_parameters[name] = value
    left_out = [unsupported_method]  # asks by TRACE, which no test client sends
    if {"cursor", "territory"} & set(case.query or {}):  # not every text of its form is one
        left_out.append(positive_data_acceptance)
    case.call_and_validate(checks=list(CHECKS.get_all()), excluded_checks=left_out)


@schema.include(
    operation_id=["lookupBatch", "readRecording", "readRights", "listChanges"]
).parametrize()
@LITTLE
def test_the_api_is_as_its_document_says(case: Any) -> None:
    check(case)


@pytest.mark.full
@schema.parametrize()
@MUCH
def test_the_api_is_as_its_document_says_whatever_is_asked(case: Any) -> None:
    check(case)

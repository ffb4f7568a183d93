"""The OpenAPI 3.1 document of ``/api/v1``: the framework's, completed with what it cannot know.

That is: who may ask, the forms of long answers, the body of a batch, conditional requests, the
header fields of every answer, and examples.
"""

from functools import lru_cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any

import msgspec
from litestar import Litestar

from phonotheque.model.answers import LookupRequest
from phonotheque.serve.streaming import Form

SCHEMA_TYPE = "application/vnd.oai.openapi+json"
Document = dict[str, Any]

_STREAMED = {
    "lookupBatch": ("LookupAnswer", "the results"),
    "listChanges": ("ChangeAnswer", "the changes from the cursor on"),
    "listVolumeFiles": ("VolumeFileAnswer", "the files from the cursor on"),
}
"""Operations whose answer may be had row by row: what a row is."""
_EXAMPLES: dict[str, Any] = {
    "q": "FRX872100001",
    "since": 0,
    "case": "2026-00001",
    "volume": "free-tunes-tier1-00001",
    "name": "2026-11",
    "territory": ["DE"],
    "date": "2026-11-23",
    "use": ["STREAM"],
}
_IDS = {"readRelease": "dgw0aq8qmc", "listReleaseTracks": "dgw0aq8qmc", "readArtist": "aznp02faez"}
_RECORDING_ID = "r7k2m9qx4d"
_HEADERS: Document = {
    "ETag": {
        "description": "Of all answers of one edition on one server.",
        "schema": {"type": "string"},
        "example": 'W/"2026-11.0123456789ab.3.0.0.89abcdef"',
    },
    "RateLimit-Policy": {
        "description": "The quota, where there is one: q requests in w seconds.",
        "schema": {"type": "string"},
        "example": '"anonymous";q=600;w=60',
    },
    "RateLimit": {
        "description": "What is left of it: r requests; whole again in t seconds.",
        "schema": {"type": "string"},
        "example": '"anonymous";r=599;t=1',
    },
    "Retry-After": {
        "description": "Seconds after which the request would be answered.",
        "schema": {"type": "integer"},
    },
    "WWW-Authenticate": {
        "description": "How to show a key.",
        "schema": {"type": "string"},
    },
}
_IF_NONE_MATCH: Document = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of an answer that is known: 304 where it would be the same.",
    "schema": {"type": "string"},
}
_KEY: Document = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key. Reading is anonymous; a key brings a higher limit.",
}
_ITEM_PATTERNS = {"territory": "^[A-Za-z]{2}$"}  # what the framework says of a list leaves out
_DULL = ("deprecated", "allowEmptyValue", "allowReserved")  # false, as they are without a word


def schema_of(app: Litestar) -> bytes:
    """The document of `app`, as JSON; made once, and kept in the application's state."""
    if "api_schema" not in app.state:
        app.state.api_schema = msgspec.json.encode(complete(app.openapi_schema.to_schema()))
    made: bytes = app.state.api_schema
    return made


@lru_cache(maxsize=1)
def read_examples() -> Document:
    """An answer of each operation: those of a small edition, cut short."""
    content = (files("phonotheque.serve") / "api_examples.json").read_bytes()
    examples: Document = msgspec.json.decode(content)
    return examples


def complete(document: Document) -> Document:
    """The framework's document with the rest; it is changed in its place."""
    components = document["components"]
    _, found = msgspec.json.schema_components(
        [LookupRequest], ref_template="#/components/schemas/{name}"
    )
    components["schemas"] |= {name: _without_title(one) for name, one in found.items()}
    components["headers"] = _HEADERS
    components["parameters"] = {"IfNoneMatch": _IF_NONE_MATCH}
    components["securitySchemes"] = {"apiKey": _KEY}
    document["security"] = [{}, {"apiKey": []}]
    for path in document["paths"].values():
        path.pop("head", None)
        for method, operation in path.items():
            _complete_operation(operation, reads=method == "get")
    return document


def _complete_operation(operation: Document, *, reads: bool) -> None:
    operation.pop("deprecated", None)
    name = operation["operationId"]
    examples = _EXAMPLES | {"public_id": _IDS.get(name, _RECORDING_ID),
                            "sha256": read_examples()["readFile"]["sha256"]}  # fmt: skip
    for parameter in operation.get("parameters", []):
        _complete_parameter(parameter, examples)
    responses = operation["responses"]
    answer = responses["200"]
    answer["content"]["application/json"]["example"] = read_examples()[name]
    told = operation["description"].replace("\n", " ")
    operation["summary"] = told.partition(". ")[0].rstrip(".")
    operation["description"] = answer["description"] = told
    if reads:
        responses["304"] = {"description": "The answer is the one that is known."}
        operation.setdefault("parameters", []).append(_ref("parameters", "IfNoneMatch"))
    else:
        operation["requestBody"] = {
            "description": "Up to 100,000 identifiers, 16 MiB in all; 10,000 with recordings.",
            "required": True,
            "content": {
                "application/json": {
                    "schema": _ref("schemas", "LookupRequest"),
                    "example": {"queries": ["FRX872100001", "source:netlabel:9"]},
                }
            },
        }
    if name in _STREAMED:
        row, rows = _STREAMED[name]
        answer["content"] |= _streams(row, rows)
    for status, response in sorted(responses.items()):
        response["headers"] = {name: _ref("headers", name) for name in _headers_of(status)}
        for media in response.get("content", {}).values() if int(status) >= 400 else ():
            media["example"] = _problem(int(status), response["description"])


def _problem(status: int, detail: str) -> Document:
    told: Document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return told | ({"violated-policies": ["anonymous"]} if status == 429 else {})


def _complete_parameter(parameter: Document, examples: Document) -> None:
    for name in _DULL:
        parameter.pop(name, None)
    schema = parameter["schema"]
    schema.pop("description", None)
    one = [kind for kind in schema.pop("oneOf", []) if kind.get("type") != "null"]
    for kind in one:
        schema |= kind  # a parameter that is left out is no null
    parameter["schema"] = schema
    for bound in ("minimum", "maximum"):
        if bound in schema:
            schema[bound] = int(schema[bound])
    if parameter["name"] in _ITEM_PATTERNS:
        schema["items"]["pattern"] = _ITEM_PATTERNS[parameter["name"]]
    if parameter["name"] in examples:
        parameter["example"] = examples[parameter["name"]]


def _streams(row: str, rows: str) -> Document:
    return {
        Form.NDJSON.value: {
            "schema": {
                "type": "string",
                "description": f"A line for each of {rows}: `#/components/schemas/{row}` as JSON.",
            }
        },
        Form.ARROW.value: {
            "schema": {
                "type": "string",
                "format": "binary",
                "description": f"An Arrow IPC stream of {rows}, with the fields of "
                f"`#/components/schemas/{row}` as columns.",
            }
        },
    }


def _headers_of(status: str) -> list[str]:
    told = ["RateLimit-Policy", "RateLimit"]
    extra = {
        "200": ["ETag"],
        "304": ["ETag"],
        "401": ["WWW-Authenticate"],
        "429": ["Retry-After"],
        "503": ["Retry-After"],
    }
    return [*extra.get(status, []), *told]


def _ref(place: str, name: str) -> Document:
    return {"$ref": f"#/components/{place}/{name}"}


def _without_title(schema: Document) -> Document:
    return {key: value for key, value in schema.items() if key != "title"}

"""Long answers, given out as they are made: JSON, lines of JSON (NDJSON), or an Arrow stream.

Which one, the client's `Accept` says. Rows come in batches; one batch is held at a time, whatever
the length of the answer. The first is made before the answer begins, so that what is wrong with a
request is told as a problem and not in the middle of a stream.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from http import HTTPStatus
from io import BytesIO
from itertools import chain
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa
from litestar import Response
from litestar.response import Stream

from phonotheque.model.answers import Answer
from phonotheque.serve.problems import Refused


class Form(StrEnum):
    """How a long answer may be written; values are media types."""

    JSON = "application/json"
    NDJSON = "application/x-ndjson"
    ARROW = "application/vnd.apache.arrow.stream"


VARIES = {"vary": "accept"}
"""Caches keep one answer for each form."""
Batch: TypeAlias = Sequence[Answer] | pa.RecordBatch


def chosen_form(accept: str | None) -> Form:
    """The form that a value of ``Accept`` likes best, JSON where it has no wish. Pure.

    Raises:
        Refused: 406, it takes none of them.
    """
    if not (accept and accept.strip()):
        return Form.JSON
    wishes: dict[str, float] = {}
    for entry in accept.lower().split(","):
        media, *parameters = (part.strip() for part in entry.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        with suppress(ValueError):
            wishes[media] = float(weight)
    if not wishes:
        return Form.JSON
    best = max(Form, key=lambda form: _wished(form, wishes))
    if _wished(best, wishes) <= 0:
        raise Refused(
            HTTPStatus.NOT_ACCEPTABLE,
            f"accept: this is given as {', '.join(Form)}, and as nothing else",
        )
    return best


def _wished(form: Form, wishes: Mapping[str, float]) -> float:
    """How much the most exact of the wishes that speak of `form` likes it."""
    spoken = (form.value, f"{form.value.partition('/')[0]}/*", "*/*")
    return next((wishes[name] for name in spoken if name in wishes), 0.0)


def streamed(
    form: Form,
    batches: Iterator[Batch],
    schema: pa.Schema,
    *,
    key: str = "rows",
    head: Mapping[str, Any] | None = None,
) -> Response[Any]:
    """An answer with all rows of `batches`.

    As JSON it is one object: the fields of `head`, then the rows under `key`. The other forms
    have the rows alone; `schema` is that of Arrow. Batches are record batches of this schema, or
    answers with these fields.
    """
    first = next(batches, None)
    rows = batches if first is None else chain([first], batches)
    if form is Form.ARROW:
        content = _arrow(rows, schema)
    elif form is Form.NDJSON:
        content = (msgspec.json.Encoder().encode_lines(_plain(batch)) for batch in rows)
    else:
        content = _json(rows, key, head or {})
    return Stream(content, media_type=form.value, headers=VARIES)


def _json(batches: Iterable[Batch], key: str, head: Mapping[str, Any]) -> Iterator[bytes]:
    opening = msgspec.json.encode(dict(head))[:-1]
    yield opening + (b"," if head else b"") + b'"' + key.encode() + b'":['
    before = b""
    for batch in batches:
        listed = msgspec.json.encode(_plain(batch))[1:-1]
        if listed:
            yield before + listed
            before = b","
    yield b"]}"


def _arrow(batches: Iterable[Batch], schema: pa.Schema) -> Iterator[bytes]:
    held = BytesIO()

    def taken() -> bytes:
        piece = held.getvalue()
        held.seek(0)
        held.truncate()
        return piece

    with pa.ipc.new_stream(held, schema) as writer:
        for batch in batches:
            writer.write_batch(_columns(batch, schema))
            yield taken()
    yield taken()


def _plain(batch: Batch) -> Sequence[Any]:
    if isinstance(batch, pa.RecordBatch):
        rows: list[Any] = batch.to_pylist()
        return rows
    return batch


def _columns(batch: Batch, schema: pa.Schema) -> pa.RecordBatch:
    if isinstance(batch, pa.RecordBatch):
        return batch
    rows = [msgspec.to_builtins(row, builtin_types=(bytes,)) for row in batch]
    return pa.RecordBatch.from_pylist(rows, schema=schema)

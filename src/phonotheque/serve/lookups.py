"""Answers to look-ups: what identifiers stand for, and, when asked, the recordings themselves."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus

import msgspec
import pyarrow as pa

from phonotheque.model import answers
from phonotheque.model.numbers import Kind, format_public_ids
from phonotheque.search import iter_found
from phonotheque.serve.assemble import summarise_rows
from phonotheque.serve.problems import Refused, bad_request
from phonotheque.serve.publication import Publication

MOST_RECORDINGS = 100
MAX_BATCH = 100_000
MAX_BATCH_OF_RECORDINGS = 10_000
_AT_ONCE = 1_000
_RECORDING = pa.struct(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("artist", pa.string(), nullable=False),
        pa.field("release", pa.string()),
        pa.field("year", pa.int32()),
        pa.field("duration_ms", pa.int64()),
        pa.field("listens", pa.int64(), nullable=False),
        pa.field("rank", pa.int64(), nullable=False),
        pa.field("tier", pa.int32(), nullable=False),
        pa.field("isrcs", pa.list_(pa.string()), nullable=False),
        pa.field("licence", pa.string()),
        pa.field("playable", pa.bool_(), nullable=False),
        pa.field("withdrawn", pa.bool_(), nullable=False),
    ]
)
LOOKUP_SCHEMA = pa.schema(
    [
        pa.field("query", pa.string(), nullable=False),
        pa.field("recognised", pa.string(), nullable=False),
        pa.field("kind", pa.string()),
        pa.field("ids", pa.list_(pa.string()), nullable=False),
        pa.field("recordings", pa.list_(_RECORDING)),
    ]
)
"""`answers.LookupAnswer` as columns."""


def parse_lookup(body: bytes, content_type: str | None) -> answers.LookupRequest:
    """The look-up that a body asks for. Pure.

    Raises:
        Refused: 415, it is not said to be JSON; 400, it is none; 422, it asks for something else
            or for too much.
    """
    media = (content_type or "application/json").partition(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content-type: {media}; send the identifiers as application/json",
            {"accept": "application/json"},
        )
    try:
        asked = msgspec.json.decode(body, type=answers.LookupRequest)
    except msgspec.ValidationError as error:
        raise _not_this(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_request(f"the body is no JSON: {error}") from None
    most = MAX_BATCH_OF_RECORDINGS if asked.recordings else MAX_BATCH
    if len(asked.queries) > most:
        bound = " with recordings" if asked.recordings else ""
        raise _not_this(f"{len(asked.queries)} queries; at most {most} go in one request{bound}")
    return asked


def _not_this(detail: str) -> Refused:
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def iter_lookups(
    publication: Publication, asked: answers.LookupRequest
) -> Iterator[list[answers.LookupAnswer]]:
    """What each identifier stands for, in order, some at a time."""
    answer = full_lookup_answers if asked.recordings else lookup_answers
    for at in range(0, len(asked.queries), _AT_ONCE):
        yield answer(publication, asked.queries[at : at + _AT_ONCE])


def lookup_answers(publication: Publication, texts: Sequence[str]) -> list[answers.LookupAnswer]:
    """What each identifier stands for, in order."""
    results = publication.index.lookup_many(texts)
    ids: dict[tuple[Kind, int], str] = {}
    for kind in {r.kind for r in results if r.kind is not None}:
        numbers = sorted({n for r in results if r.kind is kind for n in r.numbers})
        for number, public_id in zip(
            numbers, format_public_ids(numbers, publication.id_key, kind), strict=True
        ):
            ids[kind, number] = public_id
    return [
        answers.LookupAnswer(
            query=text,
            recognised=result.recognised,
            kind=None if result.kind is None else result.kind.value,
            ids=[] if result.kind is None else [ids[result.kind, n] for n in result.numbers],
        )
        for text, result in zip(texts, results, strict=True)
    ]


def full_lookup_answers(
    publication: Publication, texts: Sequence[str]
) -> list[answers.LookupAnswer]:
    """As `lookup_answers`, each with its recordings: at most the first hundred."""
    found = iter_found(publication.index, texts, MOST_RECORDINGS)
    return [
        msgspec.structs.replace(answer, recordings=summarise_rows(publication, led_to.recordings))
        for answer, led_to in zip(lookup_answers(publication, texts), found, strict=True)
    ]

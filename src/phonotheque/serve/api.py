"""The JSON API, ``/api/v1``. Every handler parses, asks one function, and gives its answer."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body, PathParameter, QueryParameter, SkipValidation

from phonotheque.model.numbers import Kind
from phonotheque.serve import answers, assemble
from phonotheque.serve.conditional import fresh_answers
from phonotheque.serve.lookups import full_lookup_answers, lookup_answers
from phonotheque.serve.naming import number_of
from phonotheque.serve.notices import NoticeAnswer, NoticesAnswer, notice_answer, notices_answer
from phonotheque.serve.problems import PROBLEM_TYPE, bad_request, not_found
from phonotheque.serve.publication import Publication
from phonotheque.serve.searching import search_answer
from phonotheque.statistics import Statistics

SCHEMA_TYPE = "application/vnd.oai.openapi+json"
MAX_BATCH = 100_000
MAX_BATCH_OF_RECORDINGS = 10_000
MAX_BATCH_BYTES = 16 << 20

Served = NamedDependency[SkipValidation[Publication]]
Limit = Annotated[
    int, QueryParameter(ge=1, le=100, description="How many at most; a page has exactly as many.")
]
Cursor = Annotated[
    str | None,
    QueryParameter(
        max_length=512, description="`next_cursor` of the page before; none for the first."
    ),
]
PublicId = Annotated[
    str,
    PathParameter(max_length=64, description="Public id; merged ids answer for their successor."),
]
_PROBLEMS: dict[int, ResponseSpec] = {
    int(status): ResponseSpec(
        data_container=answers.ProblemAnswer,
        description=text,
        media_type=PROBLEM_TYPE,
        generate_examples=False,
    )
    for status, text in (
        (HTTPStatus.BAD_REQUEST, "The request makes no sense."),
        (HTTPStatus.NOT_FOUND, "This edition does not know it."),
    )
}


@get("/search", sync_to_thread=True, responses=_PROBLEMS, tags=["find"])
def search(
    publication: Served,
    *,
    q: Annotated[
        str,
        QueryParameter(
            max_length=512,
            description="Words of title, artist, release; quotes for a phrase; filters `artist:`, "
            "`title:`, `release:`, `label:`, `year:1920..1925`, `licence:cc-by`, `tier:1`, "
            "`isrc:`.",
        ),
    ],
    limit: Limit = 20,
    cursor: Cursor = None,
    facets: Annotated[
        bool, QueryParameter(description="Count all hits by licence, decade and tier.")
    ] = False,
    highlights: Annotated[
        bool, QueryParameter(description="Say where the words stand in title, artist, release.")
    ] = False,
) -> answers.SearchAnswer:
    """Recordings by words; the last word may be unfinished, accents and case do not matter."""
    return search_answer(publication, q, limit, cursor, facets=facets, highlights=highlights)


@get("/lookup", sync_to_thread=True, responses=_PROBLEMS, tags=["find"])
def lookup(
    publication: Served,
    q: Annotated[
        str,
        QueryParameter(
            max_length=512,
            description="ISRC, UPC or EAN, MBID, public id, number, or source:SOURCE:KEY.",
        ),
    ],
    recordings: Annotated[
        bool, QueryParameter(description="Say what a list shows of each: the first 100.")
    ] = False,
) -> answers.LookupAnswer:
    """What one identifier stands for; unknown ones answer with no ids."""
    answer = full_lookup_answers if recordings else lookup_answers
    return answer(publication, [q])[0]


@post(
    "/lookup",
    status_code=HTTPStatus.OK,
    sync_to_thread=True,
    responses=_PROBLEMS,
    tags=["find"],
    request_max_body_size=MAX_BATCH_BYTES,
)
def lookup_batch(
    publication: Served,
    data: Annotated[
        answers.LookupRequest,
        Body(description="Up to 100,000 identifiers, 16 MiB in all; 10,000 with recordings."),
    ],
) -> answers.BatchAnswer:
    """What many identifiers stand for, in their order."""
    if len(data.queries) > MAX_BATCH:
        raise bad_request(f"{len(data.queries)} queries; at most {MAX_BATCH} go in one request")
    if data.recordings and len(data.queries) > MAX_BATCH_OF_RECORDINGS:
        raise bad_request(
            f"{len(data.queries)} queries; at most {MAX_BATCH_OF_RECORDINGS} with recordings"
        )
    answer = full_lookup_answers if data.recordings else lookup_answers
    return answers.BatchAnswer(
        edition=publication.manifest.name, results=answer(publication, data.queries)
    )


@get("/recordings/{public_id:str}", sync_to_thread=True, responses=_PROBLEMS, tags=["read"])
def read_recording(publication: Served, public_id: PublicId) -> Response[answers.RecordingAnswer]:
    """A recording: where it appears, its file, its rights with the evidence."""
    rows = publication.index.rows([number_of(publication, public_id, Kind.RECORDING)])
    if not rows:
        raise not_found(f"{public_id}: this edition has no such recording")
    answer = assemble.recording_answer(publication, rows[0])
    return Response(answer, headers=assemble.mining_of(answer))


@get("/releases/{public_id:str}", sync_to_thread=True, responses=_PROBLEMS, tags=["read"])
def read_release(publication: Served, public_id: PublicId) -> answers.ReleaseAnswer:
    """A release with its tracks (the first 1,000)."""
    number = number_of(publication, public_id, Kind.RELEASE)
    found = assemble.release_answer(publication, number)
    if found is None:
        raise not_found(f"{public_id}: this edition has no such release")
    return found


@get("/artists/{public_id:str}", sync_to_thread=True, responses=_PROBLEMS, tags=["read"])
def read_artist(
    publication: Served, public_id: PublicId, limit: Limit = 50, cursor: Cursor = None
) -> answers.ArtistAnswer:
    """An artist with recordings, the most listened first."""
    number = number_of(publication, public_id, Kind.ARTIST)
    found = assemble.artist_answer(publication, number, cursor, limit)
    if found is None:
        raise not_found(f"{public_id}: this edition has no such artist")
    return found


@get("/edition", sync_to_thread=True, tags=["edition"])
def read_edition(publication: Served) -> answers.EditionAnswer:
    """The edition that is served, in figures."""
    return assemble.edition_answer(publication)


@get("/volumes", sync_to_thread=True, responses=_PROBLEMS, tags=["edition"])
def read_volumes(
    publication: Served, limit: Limit = 100, cursor: Cursor = None
) -> answers.VolumesAnswer:
    """The volumes by name, with torrents and magnet links."""
    return assemble.volumes_answer(publication, cursor or "", limit)


@get("/statistics", sync_to_thread=True, tags=["edition"])
def read_statistics(publication: Served) -> Statistics:
    """Figures of the edition: by tier, licence, decade, length; the most listened."""
    return publication.statistics


@get("/notices", sync_to_thread=True, responses=_PROBLEMS, tags=["notices"])
def read_notices(publication: Served, limit: Limit = 100, cursor: Cursor = None) -> NoticesAnswer:
    """Notices of take-down that came in, the newest first; nobody's contact stands in them."""
    return notices_answer(publication, cursor, limit)


@get("/notices/{case:str}", sync_to_thread=True, responses=_PROBLEMS, tags=["notices"])
def read_notice(
    publication: Served,
    case: Annotated[str, PathParameter(max_length=64, description="Such as 2026-00001.")],
) -> NoticeAnswer:
    """One notice: its steps, and the recordings that it took out of reach."""
    return notice_answer(publication, case)


@get("/openapi.json", sync_to_thread=True, include_in_schema=False)
def read_schema(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The OpenAPI 3.1 document of all this."""
    content = msgspec.json.encode(request.app.openapi_schema.to_schema())
    return Response(content, media_type=SCHEMA_TYPE)


def api_router(publication: Publication) -> Router:
    """All of ``/api/v1``."""
    return Router(
        path="/api/v1",
        route_handlers=[
            search,
            lookup,
            lookup_batch,
            read_recording,
            read_release,
            read_artist,
            read_edition,
            read_volumes,
            read_statistics,
            read_notices,
            read_notice,
            read_schema,
        ],
        response_headers=[ResponseHeader(name="access-control-allow-origin", value="*")],
        **fresh_answers(publication),
    )

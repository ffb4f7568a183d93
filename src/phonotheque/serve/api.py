"""The JSON API, ``/api/v1``: what finds and reads recordings, and the router of all of it.

Every handler parses, asks one function, and gives its answer.
"""

from http import HTTPStatus
from typing import Annotated, Any

from litestar import Request, Response, Router, post
from litestar.params import PathParameter, QueryParameter, RawBody

from phonotheque.accounts import Door
from phonotheque.model import answers
from phonotheque.model.numbers import Kind
from phonotheque.serve import assemble
from phonotheque.serve.api_forms import (
    UNKNOWN,
    WRONG,
    Cursor,
    Limit,
    PublicId,
    Served,
    problems,
    read,
)
from phonotheque.serve.api_schema import SCHEMA_TYPE, schema_of
from phonotheque.serve.archive_api import archive_handlers
from phonotheque.serve.callers import checking
from phonotheque.serve.conditional import fresh_answers
from phonotheque.serve.limits import Limiter
from phonotheque.serve.lookups import (
    LOOKUP_SCHEMA,
    full_lookup_answers,
    iter_lookups,
    lookup_answers,
    parse_lookup,
)
from phonotheque.serve.naming import number_of
from phonotheque.serve.notices import notice_answer, notices_answer
from phonotheque.serve.problems import not_found
from phonotheque.serve.publication import Publication
from phonotheque.serve.searching import search_answer
from phonotheque.serve.streaming import chosen_form, streamed
from phonotheque.statistics import Statistics

MAX_BATCH_BYTES = 16 << 20
COUNTED = problems(HTTPStatus.SERVICE_UNAVAILABLE)


@read("/search", responses=WRONG, tags=["find"], operation_id="search")
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


@read("/lookup", responses=WRONG, tags=["find"], operation_id="lookup")
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
    responses=problems(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    ),
    tags=["find"],
    operation_id="lookupBatch",
    request_max_body_size=MAX_BATCH_BYTES,
)
def lookup_batch(
    request: Request[Any, Any, Any],
    publication: Served,
    body: RawBody,
) -> Response[answers.BatchAnswer]:
    """What many identifiers stand for, in their order; as JSON, NDJSON or Arrow."""
    form = chosen_form(request.headers.get("accept"))
    asked = parse_lookup(body, request.headers.get("content-type"))
    rows = iter_lookups(publication, asked)
    head = {"edition": publication.manifest.name}
    return streamed(form, rows, LOOKUP_SCHEMA, key="results", head=head)


@read("/recordings/{public_id:str}", responses=UNKNOWN, tags=["read"], operation_id="readRecording")
def read_recording(publication: Served, public_id: PublicId) -> Response[answers.RecordingAnswer]:
    """A recording: where it appears, its file, its rights with the evidence."""
    rows = publication.index.rows([number_of(publication, public_id, Kind.RECORDING)])
    if not rows:
        raise not_found(f"{public_id}: this edition has no such recording")
    answer = assemble.recording_answer(publication, rows[0])
    return Response(answer, headers=assemble.mining_of(answer))


@read("/releases/{public_id:str}", responses=UNKNOWN, tags=["read"], operation_id="readRelease")
def read_release(publication: Served, public_id: PublicId) -> answers.ReleaseAnswer:
    """A release with its tracks (the first 1,000)."""
    number = number_of(publication, public_id, Kind.RELEASE)
    found = assemble.release_answer(publication, number)
    if found is None:
        raise not_found(f"{public_id}: this edition has no such release")
    return found


@read(
    "/releases/{public_id:str}/tracks",
    responses=UNKNOWN,
    tags=["read"],
    operation_id="listReleaseTracks",
)
def list_release_tracks(
    publication: Served, public_id: PublicId, limit: Limit = 100, cursor: Cursor = None
) -> answers.ReleaseTracksAnswer:
    """The tracks of a release, however many."""
    number = number_of(publication, public_id, Kind.RELEASE)
    found = assemble.release_tracks_answer(publication, number, cursor, limit)
    if found is None:
        raise not_found(f"{public_id}: this edition has no such release")
    return found


@read("/artists/{public_id:str}", responses=UNKNOWN, tags=["read"], operation_id="readArtist")
def read_artist(
    publication: Served, public_id: PublicId, limit: Limit = 50, cursor: Cursor = None
) -> answers.ArtistAnswer:
    """An artist with recordings, the most listened first."""
    number = number_of(publication, public_id, Kind.ARTIST)
    found = assemble.artist_answer(publication, number, cursor, limit)
    if found is None:
        raise not_found(f"{public_id}: this edition has no such artist")
    return found


@read("/statistics", responses=COUNTED, tags=["edition"], operation_id="readStatistics")
def read_statistics(publication: Served) -> Statistics:
    """Figures of the edition: by tier, licence, decade, length; the most listened."""
    return publication.statistics


@read("/notices", responses=WRONG, tags=["notices"], operation_id="readNotices")
def read_notices(
    publication: Served, limit: Limit = 100, cursor: Cursor = None
) -> answers.NoticesAnswer:
    """Notices of take-down that came in, the newest first; nobody's contact stands in them."""
    return notices_answer(publication, cursor, limit)


@read("/notices/{case:str}", responses=UNKNOWN, tags=["notices"], operation_id="readNotice")
def read_notice(
    publication: Served,
    case: Annotated[str, PathParameter(max_length=64, description="Such as 2026-00001.")],
) -> answers.NoticeAnswer:
    """One notice: its steps, and the recordings that it took out of reach."""
    return notice_answer(publication, case)


@read("/openapi.json", include_in_schema=False)
def read_schema(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The OpenAPI 3.1 document of all this."""
    return Response(schema_of(request.app), media_type=SCHEMA_TYPE)


def api_router(
    publication: Publication, door: Door | None = None, limiter: Limiter | None = None
) -> Router:
    """All of ``/api/v1``. `door` knows accounts, `limiter` how much may be asked."""
    hooks = fresh_answers(publication)
    hooks["before_request"] = checking(publication, door, limiter)
    return Router(
        path="/api/v1",
        route_handlers=[
            search,
            lookup,
            lookup_batch,
            read_recording,
            read_release,
            list_release_tracks,
            read_artist,
            *archive_handlers(door),
            read_statistics,
            read_notices,
            read_notice,
            read_schema,
        ],
        **hooks,
    )

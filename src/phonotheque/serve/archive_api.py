"""The part of the JSON API that speaks of the archive as such: editions, changes, volumes, files,
rights. Every handler parses, asks one function, and gives its answer."""

from collections.abc import Callable, Iterator
from datetime import date as Day  # noqa: N812 - `date` is the name of a parameter
from hashlib import sha256 as digest_of
from typing import Annotated, Any, TypeVar

import msgspec
import pyarrow as pa
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter

from phonotheque.accounts import Door
from phonotheque.model import answers
from phonotheque.model.archive_answers import (
    ChangesAnswer,
    EditionsAnswer,
    FilePlacesAnswer,
    RightsOfAnswer,
    VolumeFilesAnswer,
)
from phonotheque.model.numbers import Kind
from phonotheque.model.rights import Use
from phonotheque.serve import assemble, editions, volume_files
from phonotheque.serve.api_forms import (
    UNKNOWN,
    UNKNOWN_OR_FORM,
    WRONG,
    Cursor,
    Limit,
    LongLimit,
    PublicId,
    Served,
    problems,
    read,
)
from phonotheque.serve.callers import caller_of
from phonotheque.serve.conditional import answer_etag, unchanged
from phonotheque.serve.naming import number_of
from phonotheque.serve.problems import not_found
from phonotheque.serve.streaming import VARIES, Batch, Form, chosen_form, streamed
from phonotheque.serve.verdicts import rights_answer

Territory = Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{2}$")]
Paged = TypeVar("Paged", ChangesAnswer, VolumeFilesAnswer)
VolumeName = Annotated[str, PathParameter(max_length=200, description="Name of a volume.")]


def _page_or_all(
    request: Request[Any, Any, Any],
    publication: Served,
    page: Callable[[], Paged],
    rows: Callable[[], Iterator[Batch]],
    schema: pa.Schema,
) -> Response[Paged]:
    """One page as JSON, or all `rows`, as the client likes best."""
    form = chosen_form(request.headers.get("accept"))
    if form is Form.JSON:
        return Response(page(), headers=VARIES)
    if same := unchanged(request, publication, form.name):
        return same
    told = streamed(form, rows(), schema)
    told.headers["etag"] = answer_etag(publication, form.name)
    return told


@read("/edition", responses=problems(), tags=["edition"], operation_id="readEdition")
def read_edition(publication: Served) -> answers.EditionAnswer:
    """The edition that is served, in figures."""
    return assemble.edition_answer(publication)


@read("/editions", responses=WRONG, tags=["edition"], operation_id="listEditions")
def list_editions(publication: Served, limit: Limit = 20, cursor: Cursor = None) -> EditionsAnswer:
    """The editions that are here, the newest first."""
    return editions.editions_answer(publication, cursor, limit)


@read("/editions/{name:str}", responses=UNKNOWN, tags=["edition"], operation_id="readEditionNamed")
def read_edition_named(
    publication: Served,
    name: Annotated[str, PathParameter(max_length=64, description="Name of an edition.")],
) -> answers.EditionAnswer:
    """One edition that is here, in figures."""
    return editions.edition_by_name(publication, name)


@read("/changes", responses=UNKNOWN_OR_FORM, tags=["edition"], operation_id="listChanges")
def list_changes(
    request: Request[Any, Any, Any],
    publication: Served,
    *,
    since: Annotated[
        int,
        QueryParameter(
            ge=0,
            le=1_000_000_000,
            description="Sequence number of the edition that is known already; 0: none.",
        ),
    ],
    limit: LongLimit = 100,
    cursor: Cursor = None,
) -> Response[ChangesAnswer]:
    """What changed since an edition, edition by edition up to the one served. As NDJSON or Arrow,
    all of it, or what follows the cursor."""
    return _page_or_all(
        request,
        publication,
        lambda: editions.changes_answer(publication, since, cursor, limit),
        lambda: editions.iter_changes(publication, since, cursor),
        editions.CHANGES_SCHEMA,
    )


@read("/volumes", responses=WRONG, tags=["edition"], operation_id="listVolumes")
def read_volumes(
    publication: Served, limit: Limit = 100, cursor: Cursor = None
) -> answers.VolumesAnswer:
    """The volumes by name, with torrents and magnet links."""
    return assemble.volumes_answer(publication, cursor or "", limit)


@read("/volumes/{volume:str}", responses=UNKNOWN, tags=["edition"], operation_id="readVolume")
def read_volume(publication: Served, volume: VolumeName) -> answers.VolumeAnswer:
    """One volume, a superseded one as well."""
    return volume_files.one_volume(publication, volume)


@read(
    "/volumes/{volume:str}/files",
    responses=UNKNOWN_OR_FORM,
    tags=["files"],
    operation_id="listVolumeFiles",
)
def list_volume_files(
    request: Request[Any, Any, Any],
    publication: Served,
    volume: VolumeName,
    limit: LongLimit = 100,
    cursor: Cursor = None,
) -> Response[VolumeFilesAnswer]:
    """The files of a volume by path. As NDJSON or Arrow, all of them, or what follows the
    cursor."""
    return _page_or_all(
        request,
        publication,
        lambda: volume_files.volume_files_answer(publication, volume, cursor, limit),
        lambda: volume_files.iter_volume_files(publication, volume, cursor),
        volume_files.VOLUME_FILES_SCHEMA,
    )


@read("/files/{sha256:str}", responses=UNKNOWN, tags=["files"], operation_id="readFile")
def read_file(
    publication: Served,
    sha256: Annotated[
        str,
        PathParameter(
            pattern="^[0-9A-Fa-f]{64}$", description="SHA-256 of a published file, 64 hex digits."
        ),
    ],
) -> FilePlacesAnswer:
    """A published file by its digest, with its rights and their evidence."""
    return volume_files.file_places_answer(publication, sha256)


def rights_handler(door: Door | None) -> HTTPRouteHandler:
    """The handler for rights; without a `door` there is no clock, and the day of publication is
    taken where none is asked for."""

    @read(
        "/recordings/{public_id:str}/rights",
        responses=UNKNOWN,
        tags=["rights"],
        operation_id="readRights",
    )
    def read_rights(
        request: Request[Any, Any, Any],
        publication: Served,
        *,
        public_id: PublicId,
        territory: Annotated[
            list[Territory] | None,
            QueryParameter(
                max_items=50,
                description="Countries (ISO 3166, or EU, or ZZ), repeatable. Default: that of the "
                "account, else those of the edition.",
            ),
        ] = None,
        date: Annotated[
            Day | None, QueryParameter(description="The day to decide for. Default: today.")
        ] = None,
        use: Annotated[
            list[Use] | None,
            QueryParameter(
                max_items=6, description="Repeatable. Default: STREAM, DISTRIBUTE, AI_TRAIN."
            ),
        ] = None,
    ) -> Response[RightsOfAnswer]:
        """What may be done with a recording where, when and for what, with the whole argument.
        This is no legal advice."""
        own = caller_of(request).territory
        asked = territory or ([own] if own else [])
        today = door.now().date() if door is not None else publication.manifest.published_at.date()
        on = date or today
        question = digest_of(repr((asked, on)).encode(errors="replace")).hexdigest()[:12]
        if same := unchanged(request, publication, question):
            return same
        headers = {"etag": answer_etag(publication, question), "vary": "authorization"}
        rows = publication.index.rows([number_of(publication, public_id, Kind.RECORDING)])
        if not rows:
            raise not_found(f"{public_id}: this edition has no such recording")
        found = rights_answer(publication, rows[0], territories=asked, on=on, uses=use or [])
        return Response(found, headers=headers)

    return read_rights


def archive_handlers(door: Door | None) -> list[HTTPRouteHandler]:
    """The handlers of this part."""
    return [
        read_edition,
        list_editions,
        read_edition_named,
        list_changes,
        read_volumes,
        read_volume,
        list_volume_files,
        read_file,
        rights_handler(door),
    ]

"""Calls that give out audio and pictures: what may go to whom, and in which form."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from phonotheque.model.numbers import Kind
from phonotheque.model.rights import Use
from phonotheque.search import DisplayRow
from phonotheque.serve.assemble import allows, is_withdrawn
from phonotheque.serve.blobs import BlobAnswer
from phonotheque.serve.mining import mining_headers
from phonotheque.serve.places import locate, resolve
from phonotheque.serve.problems import Refused
from phonotheque.serve.publication import Publication
from phonotheque.serve.subsonic import pictures
from phonotheque.serve.subsonic.browsing import song_row
from phonotheque.serve.subsonic.calls import Call
from phonotheque.serve.subsonic.items import LOOSE
from phonotheque.serve.subsonic.parameters import NO_ACCESS, NOT_FOUND, CallError, nothing
from phonotheque.serve.subsonic.transcoding import Encoded, plan_transcoding
from phonotheque.serve.verdicts import rights_answer

_MOST_OFFSET = 24 * 3600
_COVERS_KEPT = 64  # of 2 MiB at most each
_TRIED = 3


@dataclass(frozen=True, slots=True)
class Image:
    """A picture."""

    content: bytes
    media_type: str
    etag: str


def stream(call: Call) -> BlobAnswer | Encoded:
    """A song, as it is or encoded anew. It counts as no play."""
    row = song_row(call, call.text("id"))
    _check(call, row, Use.STREAM)
    wanted = plan_transcoding(
        row,
        call.get("format"),
        call.number("maxBitRate", 0, most=10_000),
        call.number("timeOffset", 0, most=_MOST_OFFSET),
    )
    if wanted is None:
        return _located(call, f"/stream/{row.public_id}")
    _located(call, f"/stream/{row.public_id}").blob.close()  # the same may go out or not
    assert row.file is not None
    training = call.publication.ai_training(row.file.volume, row.file.path)
    path = resolve(call.publication.tree.volumes, f"{row.file.volume}/{row.file.path}")
    return Encoded(path, wanted, {
        "cache-control": "no-store", "access-control-allow-origin": "*",
        **mining_headers(training[0] if training else None),
    })  # fmt: skip


def download(call: Call) -> BlobAnswer:
    """The published file of a song."""
    row = song_row(call, call.text("id"))
    _check(call, row, Use.DISTRIBUTE)
    assert row.file is not None
    answer = _located(call, f"/volumes/{row.file.volume}/{row.file.path}")
    name = quote(Path(row.file.path).name)
    answer.headers["content-disposition"] = f"attachment; filename*=UTF-8''{name}"
    return answer


def _check(call: Call, row: DisplayRow, use: Use) -> None:
    """Whether the edition and, for an account with a territory, the law there let the use go on.

    Raises:
        CallError: 50, they do not; 70, it is withdrawn.
    """
    if is_withdrawn(call.publication, row):
        raise CallError(NOT_FOUND, f"{row.public_id}: this recording is withdrawn")
    assert row.file is not None
    said = {Use.STREAM: (row.stream, row.file.stream),
            Use.DISTRIBUTE: (row.distribute, row.file.distribute)}[use]  # fmt: skip
    if not all(map(allows, said)):
        raise _denied(row, "")
    territory = call.account.territory if call.account else None
    if territory is None:
        return
    answer = rights_answer(
        call.publication, row, territories=[territory], on=call.now.date(), uses=[use]
    )
    if not all(verdict.allowed for verdict in answer.verdicts):
        raise _denied(row, f" in {territory}")


def _denied(row: DisplayRow, where: str) -> CallError:
    return CallError(
        NO_ACCESS,
        f"User is not authorized for the given operation: the rights known of {row.public_id} do "
        f"not allow it{where}",
        f"/recording/{row.public_id}",
    )


def _located(call: Call, address: str) -> BlobAnswer:
    try:
        # what one account may hear another may not: no cache keeps it for both
        return replace(locate(call.publication, address), cache_control="private, no-cache")
    except Refused as refused:
        code = NO_ACCESS if refused.status_code == 403 else NOT_FOUND
        raise CallError(code, refused.detail) from None


def cover(call: Call) -> Image:
    """The picture of a song, an album, an artist; a pattern of its own where there is none."""
    name = call.text("id")
    size = pictures.clamp_size(call.number("size", pictures.USUAL))
    kind, number = call.items.parse(
        name.removeprefix(LOOSE), Kind.RECORDING, Kind.RELEASE, Kind.ARTIST
    )
    if kind is Kind.RECORDING:
        rows = call.items.rows([number])
        row = rows[0] if rows else None
        album = next((t.release for t in row.tracks if t.release), None) if row else None
        like = name if album is None else call.items.public_id(Kind.RELEASE, album)
    else:
        rows = call.items.album_rows(number)[:_TRIED] if kind is Kind.RELEASE else []
        like = name
        if not rows and kind is Kind.RELEASE and call.items.release_row(number) is None:
            raise nothing(name)
    found = (picture_of(call.publication, row) for row in rows)
    return next((image for image in found if image), None) or draw_cover(like, size)


def draw_cover(like: str, size: int) -> Image:
    """A pattern that stands for the thing with the id `like`."""
    drawn = pictures.draw_pattern(like, pictures.clamp_size(size))
    return Image(drawn, "image/png", f'"pattern-{like}-{size}"')


def picture_of(publication: Publication, row: DisplayRow) -> Image | None:
    """The picture inside the file of a recording, where this server may give it out."""
    if row.file is None or is_withdrawn(publication, row):
        return None
    try:
        path = resolve(publication.tree.volumes, f"{row.file.volume}/{row.file.path}")
    except Refused:
        return None
    found = _kept(path, row.file.sha256)
    return None if found is None else Image(*found, etag=f'"{row.file.sha256[:32]}"')


@lru_cache(maxsize=_COVERS_KEPT)
def _kept(path: Path, sha256: str) -> tuple[bytes, str] | None:
    """The picture of a file, kept under the digest of the file."""
    del sha256
    return pictures.picture_in(path)

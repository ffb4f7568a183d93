"""Which file an address means, and whether it may be given out. Everything else is 404.

The web layout of an origin is its tree: `/volumes`, `/editions`, `/metadata`, `/latest.json`,
`/revocations.json`. Nothing whose name begins with a dot is ever served, nor anything that a
symbolic link would bring in from outside of its area.
"""

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from phonotheque.model.errors import InputError
from phonotheque.model.numbers import Kind, parse_public_id
from phonotheque.serve.assemble import is_withdrawn, may_stream
from phonotheque.serve.blobs import BlobAnswer, FileBlob, ZeroBlob
from phonotheque.serve.mining import mining_headers
from phonotheque.serve.problems import forbidden, gone, not_found
from phonotheque.serve.publication import Publication

MAX_PAD_BYTES = 64 << 20
IMMUTABLE = "public, max-age=31536000, immutable"
# audio may be withdrawn, and then no cache should give it out for longer than a mirror may
REVOCABLE = "public, max-age=86400"
FRESH = "no-cache"
_DIGITS = re.compile(r"0|[1-9][0-9]{0,9}")
_MEDIA_TYPES = {
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".torrent": "application/x-bittorrent",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".m4a": "audio/mp4",
}


def locate(publication: Publication, address: str) -> BlobAnswer:
    """The blob that a decoded path such as ``/volumes/v/data/a.flac`` names, opened.

    Raises:
        Refused: 404, 403 or 410, with the reason.
    """
    answer = _locate(publication, address)
    handing, blob = publication.handing, answer.blob
    if handing is None or not isinstance(blob, FileBlob):
        return answer
    return replace(answer, handed_over=handing.name(publication.tree, blob.path))


def _locate(publication: Publication, address: str) -> BlobAnswer:
    area, _, rest = address.lstrip("/").partition("/")
    match area:
        case "volumes":
            return _volume_file(publication, rest)
        case "editions":
            return _edition_file(publication, rest)
        case "metadata":
            return _plain(publication.tree.metadata, rest, _metadata_age(rest))
        case "torrents":
            return _edition_file(publication, f"{publication.manifest.name}/torrents/{rest}")
        case "stream":
            return _stream(publication, rest)
        case "latest.json" | "revocations.json" if not rest:
            return _plain(publication.tree.root, area, FRESH)
        case _:
            raise not_found(f"{address}: there is nothing here")


def _volume_file(publication: Publication, rest: str) -> BlobAnswer:
    volume, _, path = rest.partition("/")
    if path.startswith(".pad/"):
        return _pad(publication.tree.volumes, volume, path.removeprefix(".pad/"))
    real = resolve(publication.tree.volumes, rest)
    facts = publication.file_facts(volume, path)
    if publication.is_withdrawn(volume, path, None if facts is None else facts[0]):
        raise gone(f"{rest}: withdrawn; no server of this archive gives it out any more")
    if facts is None:
        return _answer(real, REVOCABLE)
    answer = _answer(real, REVOCABLE, etag=f'"{facts[0]}"', media_type=facts[1])
    return _labelled(answer, publication, volume, path)


def _pad(area: Path, name: str, digits: str) -> BlobAnswer:
    """Zeros that the torrent of the folder `name` in `area` counts between its files."""
    if not _DIGITS.fullmatch(digits) or int(digits) > MAX_PAD_BYTES:
        raise not_found(f".pad/{digits}: a pad file has at most {MAX_PAD_BYTES} bytes")
    _refuse_unless_named(name)
    if not (area / name).is_dir():
        raise not_found(f"{name}: this server does not have this {area.name.removesuffix('s')}")
    blob = ZeroBlob(int(digits))
    return BlobAnswer(blob, "application/octet-stream", f'"pad-{digits}"', IMMUTABLE)


def _edition_file(publication: Publication, rest: str) -> BlobAnswer:
    name, _, path = rest.partition("/")
    if path.startswith(".pad/"):
        return _pad(publication.tree.editions, name, path.removeprefix(".pad/"))
    real = resolve(publication.tree.editions, rest)
    digest = publication.digests.get(path) if name == publication.manifest.name else None
    return _answer(real, IMMUTABLE, etag=None if digest is None else f'"{digest}"')


def _stream(publication: Publication, public_id: str) -> BlobAnswer:
    try:
        kind, number = parse_public_id(public_id, publication.id_key)
    except InputError as error:
        raise not_found(str(error)) from None
    rows = publication.index.rows([number]) if kind is Kind.RECORDING else []
    if not rows:
        raise not_found(f"{public_id}: this edition has no such recording")
    row = rows[0]
    if is_withdrawn(publication, row):
        raise gone(f"{public_id}: this recording is withdrawn")
    if row.file is None:
        raise not_found(f"{public_id}: this edition has no audio of it")
    if not may_stream(row):
        raise forbidden(
            f"{public_id}: the rights known to this archive do not allow streaming "
            f"({row.file.stream} when published, {row.stream} in this edition); the recording's "
            "page says why"
        )
    if not publication.holds(row.file.volume, row.file.path):
        raise not_found(f"{public_id}: this server does not hold volume {row.file.volume}")
    real = resolve(publication.tree.volumes, f"{row.file.volume}/{row.file.path}")
    answer = _answer(real, FRESH, etag=f'"{row.file.sha256}"', media_type=row.file.media_type)
    return _labelled(answer, publication, row.file.volume, row.file.path)


def _labelled(answer: BlobAnswer, publication: Publication, volume: str, path: str) -> BlobAnswer:
    """`answer` with what the edition says of training with this file."""
    training = publication.ai_training(volume, path)
    answer.headers.update(mining_headers(training[0] if training else None))
    return answer


def resolve(area: Path, rest: str) -> Path:
    """The regular file at `rest` below `area`.

    Raises:
        Refused: 404, whatever the reason.
    """
    parts = rest.split("/")
    for part in parts:
        _refuse_unless_named(part)
    try:
        base = area.resolve(strict=True)
        real = base.joinpath(*parts).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise not_found(f"{rest}: there is no such file here") from None
    if not real.is_relative_to(base) or not real.is_file():
        raise not_found(f"{rest}: there is no such file here")
    return real


def _refuse_unless_named(part: str) -> None:
    if not part or part.startswith(".") or any(c in part for c in "\0\\"):
        raise not_found("there is no such file here")


def _plain(area: Path, rest: str, cache_control: str) -> BlobAnswer:
    return _answer(resolve(area, rest), cache_control)


def _answer(
    path: Path, cache_control: str, *, etag: str | None = None, media_type: str | None = None
) -> BlobAnswer:
    try:
        blob = FileBlob(path)
    except OSError:
        raise not_found(f"{path.name}: it cannot be read here") from None
    if etag is None:
        found = path.stat()
        etag = f'"{found.st_size:x}-{found.st_mtime_ns:x}"'
    suffix = PurePosixPath(path.name).suffix.lower()
    kind = media_type or _MEDIA_TYPES.get(suffix, "application/octet-stream")
    return BlobAnswer(blob, kind, etag, cache_control, {"access-control-allow-origin": "*"})


def _metadata_age(rest: str) -> str:
    """Versioned metadata (``3.root.json``) never changes; ``timestamp.json`` does."""
    return IMMUTABLE if rest.partition(".")[0].isdigit() else FRESH

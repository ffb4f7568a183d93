"""Which recording is meant: by public id, number or ISRC; by words, where a server knows them."""

from collections.abc import Sequence
from contextlib import closing

import pyarrow.parquet as pq

from phonotheque.catalogue import open_edition
from phonotheque.mirror.asking import Named, ask_for
from phonotheque.mirror.locating import Shelf
from phonotheque.mirror.transfer import Limits
from phonotheque.model.errors import InputError, NotFoundError, TransferError, UsageError
from phonotheque.model.identifiers import IsrcStatus, parse_isrc
from phonotheque.model.numbers import IdKey, Kind, format_public_id, parse_public_id
from phonotheque.model.progress import Progress

_SHOWN = 5
_SMALL_BYTES = 16 << 20  # of redirects that are fetched for one recording


def identify(
    shelf: Shelf, text: str, server: str | None, limits: Limits, *, first: bool, progress: Progress
) -> int:
    """The number of the recording that `text` means.

    A code is looked up in the edition where that is on this disk, else `server` is asked, which is
    a hint: what comes is what the edition says of the recording, by whatever name it was asked for.
    `first`: of several, the best.

    Raises:
        InputError: it names something else than a recording.
        UsageError: it means several. NotFoundError: none.
        TransferError: nobody is there to ask.
    """
    key = IdKey(bytes.fromhex(shelf.manifest.id_key))
    try:
        kind, number = parse_public_id(text, key)
    except InputError:
        return _by_other_names(shelf, text, server, limits, first=first, progress=progress)
    if kind is not Kind.RECORDING:
        raise InputError(f"{text} is not the id of a recording")
    return number


def aliases(shelf: Shelf, number: int) -> list[int]:
    """`number`, the one that it was merged into, and those that were merged into it: the table of a
    volume has the number of when it was published. Redirects that are not here are left out where
    they are large."""
    found = [number]
    for shard in shelf.manifest.shards:
        if shard.table != "redirects":
            continue
        if shard.bytes > _SMALL_BYTES and not shelf.is_here(shard.path):
            continue
        table = pq.read_table(shelf.table(shard.path), columns=["old", "new"], filters=[
            [("kind", "=", Kind.RECORDING.value), ("old", "=", number)],
            [("kind", "=", Kind.RECORDING.value), ("new", "=", number)],
        ])  # fmt: skip
        found += [n for row in table.to_pylist() for n in (row["new"], row["old"]) if n]
    return list(dict.fromkeys(found))


def _by_other_names(
    shelf: Shelf, text: str, server: str | None, limits: Limits, *, first: bool, progress: Progress
) -> int:
    key = IdKey(bytes.fromhex(shelf.manifest.id_key))
    if text.isascii() and text.isdigit() and server is None:
        return int(text)
    if server is None:
        code, status = parse_isrc(text)
        if status is IsrcStatus.MALFORMED:
            raise NotFoundError(f"{text}: no id, no ISRC and no number of a recording")
        named: Sequence[Named] = [Named(format_public_id(n, key)) for n in _by_isrc(shelf, code)]
    else:
        named = _asked(server, text, limits)
    if not named:
        raise NotFoundError(f"{text}: edition {shelf.manifest.name} knows no such recording")
    if len(named) > 1 and not first:
        raise UsageError(f"{text}: several recordings have it; name one of {_shown(named)}")
    progress.note(f"{text}: {_shown(named[:1])}")
    kind, number = parse_public_id(named[0].id, key)
    if kind is not Kind.RECORDING:
        raise InputError(f"{text} is not the id of a recording")
    return number


def _asked(server: str, text: str, limits: Limits) -> Sequence[Named]:
    try:
        return ask_for(server, text, limits)
    except TransferError as error:
        raise TransferError(
            f"{error}. An origin of plain files knows public ids alone: give one, or ask a mirror, "
            "which looks up codes and words by itself"
        ) from error


def _by_isrc(shelf: Shelf, code: str) -> list[int]:
    folder = shelf.tree.edition(shelf.manifest.name)
    with closing(open_edition(folder, shelf.manifest)) as reader:
        rows = reader.cursor().execute(
            "SELECT number FROM recordings WHERE list_contains(isrcs, ?) ORDER BY number", [code]
        )
        return [int(number) for (number,) in rows.fetchall()]


def _shown(named: Sequence[Named]) -> str:
    """Ids with artist and title, where these are known."""
    texts = [f"{n.id} ({n.artist} – {n.title})" if n.title else n.id for n in named[:_SHOWN]]
    return ", ".join(texts) + (" …" if len(named) > _SHOWN else "")

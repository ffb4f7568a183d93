"""Recordings as people name them, public ids, ISRCs or numbers, found in the newest catalogue.

However many are named, each table is asked once; public ids and numbers touch only the row groups
that hold them, ISRCs take one pass over all recordings.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import duckdb
import msgspec

from phonotheque.archive.withdrawals import withdrawn_among
from phonotheque.archive.workspace import last_edition
from phonotheque.catalogue import CatalogueReader, current_build, open_build, open_edition
from phonotheque.model.errors import InputError, NotFoundError, UsageError
from phonotheque.model.identifiers import IsrcStatus, parse_isrc
from phonotheque.model.numbers import IdKey, Kind, format_public_id, parse_public_id
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree

NUMBERS_PER_QUERY = 1_000
_GREATEST = 2**63 - 1
Named = int | NotFoundError | UsageError


class WithdrawnRecording(msgspec.Struct, frozen=True, kw_only=True):
    """One recording that was asked for. `already`: it was withdrawn before."""

    recording: int
    public_id: str
    title: str
    artist_credit: str
    asked_as: str
    already: bool
    files: list[str]  # sha256 of its files, published or not


def find_recordings(
    tree: Tree, ids: Sequence[str], case: str | None = None
) -> list[WithdrawnRecording]:
    """The recordings that `ids` name, by number; `already`: withdrawn for this case (or none).

    Raises:
        NotFoundError: nothing built yet, or an id that names no recording.
        UsageError: an ISRC that several recordings carry.
    """
    found, unknown = find_named(tree, ids, case)
    if unknown:
        raise unknown[0]
    unique = {r.recording: r for r in reversed(found)}
    return [unique[number] for number in sorted(unique)]


def find_named(
    tree: Tree, ids: Sequence[str], case: str | None = None
) -> tuple[list[WithdrawnRecording], list[NotFoundError | UsageError]]:
    """As `find_recordings`, in the order of `ids`; and why the others name none, or not one.

    Raises:
        NotFoundError: nothing built yet.
    """
    key = IdKey(bytes.fromhex(read_settings(tree).id_key))
    reader = _open_newest(tree)
    try:
        cursor = reader.cursor()
        numbers = _numbers(cursor, ids, key)
        live = _live(cursor, {n for n in numbers if isinstance(n, int)})
        rows = _rows(cursor, live.values())
        files = _files(cursor, rows)
    finally:
        reader.close()
    gone = withdrawn_among(tree, list(rows), case)
    found: list[WithdrawnRecording] = []
    unknown: list[NotFoundError | UsageError] = []
    for text, number in zip(ids, numbers, strict=True):
        if not isinstance(number, int):
            unknown.append(number)
        elif (at := live.get(number)) not in rows:
            unknown.append(NotFoundError(f"{text}: no recording of this archive has this number"))
        else:
            title, artist = rows[at]
            found.append(
                WithdrawnRecording(
                    recording=at,
                    public_id=format_public_id(at, key),
                    title=title,
                    artist_credit=artist,
                    asked_as=text,
                    already=at in gone,
                    files=files.get(at, []),
                )
            )
    return found, unknown


def _open_newest(tree: Tree) -> CatalogueReader:
    current = current_build(tree)
    if current is not None:
        return open_build(current[1], current[0])
    edition = last_edition(tree)
    if edition is None:
        raise NotFoundError(f"{tree.root}: nothing was built yet; there is nothing to withdraw")
    return open_edition(tree.edition(edition.name), edition)


def _numbers(cursor: duckdb.DuckDBPyConnection, ids: Sequence[str], key: IdKey) -> list[Named]:
    """The number that each of `ids` says, or why it says none."""
    codes = {text: code for text in ids if (code := _isrc(text)) is not None}
    coded = _by_isrc(cursor, sorted(set(codes.values())))
    return [
        _one(codes[text], coded.get(codes[text], [])) if text in codes else _said(text, key)
        for text in ids
    ]


def _isrc(text: str) -> str | None:
    if text.strip().isdecimal():
        return None
    code, status = parse_isrc(text)
    return None if status is IsrcStatus.MALFORMED else code


def _said(text: str, key: IdKey) -> Named:
    if text.strip().isdecimal():
        return min(int(text), _GREATEST)
    try:
        kind, number = parse_public_id(text, key)
    except InputError as error:
        return NotFoundError(f"{error}; give a public id, an ISRC or a number")
    if kind is not Kind.RECORDING:
        return UsageError(f"{text}: names a {kind.name.lower()}; only recordings are withdrawn")
    return number


def _one(code: str, numbers: Sequence[int]) -> Named:
    if not numbers:
        return NotFoundError(f"{code}: no recording of this archive has this ISRC")
    if len(numbers) > 1:
        listed = ", ".join(map(str, numbers))
        return UsageError(
            f"{code}: recordings {listed} carry this ISRC; name the one by its number"
        )
    return numbers[0]


def _by_isrc(cursor: duckdb.DuckDBPyConnection, codes: Sequence[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    if codes:
        cursor.execute(
            "SELECT code, number FROM (SELECT number, unnest(isrcs) AS code FROM recordings "
            "WHERE list_has_any(isrcs, $1::VARCHAR[])) WHERE list_contains($1::VARCHAR[], code) "
            "ORDER BY code, number",
            [list(codes)],
        )
        for code, number in cursor.fetchall():
            found.setdefault(code, []).append(number)
    return found


def _live(cursor: duckdb.DuckDBPyConnection, numbers: set[int]) -> dict[int, int]:
    """Each number, or that of the recording it was merged with."""
    live = {number: number for number in numbers}
    for part in _parts(numbers):
        rows = cursor.execute(
            f"SELECT old, new FROM redirects WHERE kind = 'r' AND old IN ({part})"
        ).fetchall()
        live |= dict(rows)
    return live


def _rows(cursor: duckdb.DuckDBPyConnection, numbers: Iterable[int]) -> dict[int, tuple[str, str]]:
    found: dict[int, tuple[str, str]] = {}
    for part in _parts(set(numbers)):
        sql = f"SELECT number, title, artist_credit FROM recordings WHERE number IN ({part})"
        found |= {
            number: (title, artist) for number, title, artist in cursor.execute(sql).fetchall()
        }
    return found


def _files(cursor: duckdb.DuckDBPyConnection, numbers: Iterable[int]) -> dict[int, list[str]]:
    """sha256 of the files of recordings; an edition has `files`, a build `recording_files`."""
    views = {name for (name,) in cursor.execute("SELECT view_name FROM duckdb_views()").fetchall()}
    view = "recording_files" if "recording_files" in views else "files"
    found: dict[int, list[str]] = {}
    for part in _parts(numbers):
        sql = (f"SELECT DISTINCT recording, sha256 FROM {view} WHERE recording IN ({part}) "
               "ORDER BY recording, sha256")  # fmt: skip
        for number, digest in cursor.execute(sql).fetchall():
            found.setdefault(number, []).append(digest)
    return found


def _parts(numbers: Iterable[int]) -> Iterator[str]:
    """Lists for ``IN``, in order, so that each touches few row groups."""
    rest = iter(sorted(numbers))
    while part := list(islice(rest, NUMBERS_PER_QUERY)):
        yield ", ".join(map(str, part))

"""From wishes as people say them to wishes that tables answer: artists become numbers."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.mirror.edition_tables import EditionTables
from phonotheque.mirror.formats import PlanWishes
from phonotheque.mirror.sieve import FileWishes
from phonotheque.model.errors import InputError, UsageError
from phonotheque.model.numbers import IdKey, Kind, parse_public_id

KINDS = ("artist", "genre", "licence")
"""What `exclude` may name besides volumes, as ``genre:metal``."""
MAX_FETCHED_BYTES = 64 << 20  # of tables of names


def excluded(asked: PlanWishes, kind: str = "") -> tuple[str, ...]:
    """What is excluded of one of `KINDS`, or volumes."""
    parts = [name.partition(":") for name in asked.exclude]
    if not kind:
        return tuple(whole for whole, (said, _, _) in zip(asked.exclude, parts, strict=True)
                     if said not in KINDS)  # fmt: skip
    return tuple(rest for said, colon, rest in parts if said == kind and colon)


def file_wishes(asked: PlanWishes, tables: EditionTables) -> FileWishes:
    """The wishes that are about single files.

    Raises:
        UsageError: an artist that the edition does not know, or whose name cannot be looked up.
    """
    unwanted = excluded(asked, "artist")
    found = _find_artists(tables, [*asked.artists, *unwanted])
    return FileWishes(
        licences=frozenset(asked.licences),
        territories=frozenset(asked.territories),
        artists=frozenset().union(*(found[name] for name in asked.artists)),
        genres=frozenset(name.lower() for name in asked.genres),
        without_licences=frozenset(excluded(asked, "licence")),
        without_artists=frozenset().union(*(found[name] for name in unwanted)),
        without_genres=frozenset(name.lower() for name in excluded(asked, "genre")),
    )


def _find_artists(tables: EditionTables, wanted: Sequence[str]) -> dict[str, frozenset[int]]:
    """Numbers of each artist: by public id, else by name or alias, capitals no matter."""
    key = IdKey(bytes.fromhex(tables.manifest.id_key))
    found = {name: _number_of(name, key) for name in wanted}
    names = [name for name, numbers in found.items() if not numbers]
    if names:
        found |= _find_names(tables, names)
    if unknown := [name for name, numbers in found.items() if not numbers]:
        raise UsageError(
            f"edition {tables.manifest.name} knows no artist {unknown[0]!r}; write the name as the "
            "archive does, or the artist's id"
        )
    return {name: _with_merged(tables, numbers) for name, numbers in found.items()}


def _number_of(text: str, key: IdKey) -> frozenset[int]:
    try:
        kind, number = parse_public_id(text, key)
    except InputError:
        return frozenset()
    return frozenset([number]) if kind is Kind.ARTIST else frozenset()


def _find_names(tables: EditionTables, names: Iterable[str]) -> dict[str, frozenset[int]]:
    wanted = {name.lower(): name for name in names}
    found: dict[str, set[int]] = {name: set() for name in wanted.values()}
    texts = pa.array(wanted, pa.string())
    for rows in _shards(tables, "artists", ["number", "name", "aliases"]):
        aliases = rows.column("aliases").combine_chunks()
        parents = pc.list_parent_indices(aliases)
        numbers = pa.concat_arrays([_flat(rows.column("number")),
                                    _flat(rows.column("number")).take(parents)])  # fmt: skip
        said = pa.concat_arrays([_flat(rows.column("name")), _flat(pc.list_flatten(aliases))])
        said = pc.utf8_lower(said)
        for place in np.flatnonzero(pc.is_in(said, texts).to_numpy(zero_copy_only=False)):
            found[wanted[said[int(place)].as_py()]].add(numbers[int(place)].as_py())
    return {name: frozenset(numbers) for name, numbers in found.items()}


def _with_merged(tables: EditionTables, numbers: frozenset[int]) -> frozenset[int]:
    """With the numbers that were merged into these, which older tables name; and those that they
    were merged into."""
    found = set(numbers)
    for rows in _shards(tables, "redirects", ["kind", "old", "new"], needed=False):
        mine = rows.filter(pc.equal(rows.column("kind"), Kind.ARTIST.value))
        pairs = list(zip(mine.column("old").to_pylist(), mine.column("new").to_pylist(),
                         strict=True))  # fmt: skip
        found |= {new for old, new in pairs if old in numbers and new}
        found |= {old for old, new in pairs if new in found}
    return frozenset(found)


def _shards(
    tables: EditionTables, kind: str, columns: list[str], *, needed: bool = True
) -> Iterator[pa.Table]:
    """The shards of a table of the catalogue; none where they are too many bytes to fetch."""
    paths = [s.path for s in tables.manifest.shards if s.table == kind]
    if tables.missing_bytes(paths) > MAX_FETCHED_BYTES:
        if not needed:
            return
        raise UsageError(
            "the names of artists are looked up once `sync` has brought the edition's tables; "
            "until then give the artist's id, as the archive's pages show it"
        )
    for path in paths:
        yield tables.read(path, columns)


def _flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    joined = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(joined, pa.ChunkedArray):
        joined = pa.concat_arrays(joined.chunks) if joined.num_chunks else pa.array([], joined.type)
    return joined

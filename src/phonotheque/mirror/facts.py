"""What each file of an edition is worth, volume by volume: bytes, listens, and what wishes ask.

Editions say it in ``planning/`` (docs/formats/edition.md); of older ones it is put together from
their tables, which the mirror must have. Memory: a few volumes; of an edition that is not here,
its listens too, about two bytes a file.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from phonotheque.catalogue import iter_wishable, open_edition
from phonotheque.mirror.edition_tables import EditionTables
from phonotheque.model.errors import FormatError, NotFoundError, UsageError

I64 = npt.NDArray[np.int64]
LISTENS = "planning/listens.parquet"
WITHDRAWN = -1  # as listens
_AHEAD = 4  # tables that are fetched or read at once
_CODED = ["licence", "barred.list.element", "genres.list.element"]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The files of one volume, in the order of ``files/<volume>.parquet``. `listens` are
    `WITHDRAWN` of withdrawn files; `said` has the columns that were asked for."""

    volume: str
    sizes_bytes: I64
    listens: I64
    said: pa.Table


class Facts(Protocol):
    """Where facts come from."""

    def iter_facts(self, volumes: Collection[str], columns: Sequence[str]) -> Iterator[FileFacts]:
        """Facts of each of `volumes`, by name."""
        ...


def planning_table(volume: str) -> str:
    """Where an edition says what the files of a volume are."""
    return f"planning/{volume}.parquet"


def open_facts(tables: EditionTables) -> Facts | None:
    """What the edition says of its files; None: nothing that could be read without a sync."""
    if tables.has(LISTENS):
        return PlanningFacts(tables)
    return CatalogueFacts(tables) if tables.is_here else None


@dataclass(frozen=True, slots=True)
class PlanningFacts:
    """Of ``planning/``; tables that are not here are fetched, several at once, and not kept."""

    tables: EditionTables

    def iter_facts(self, volumes: Collection[str], columns: Sequence[str]) -> Iterator[FileFacts]:
        """Facts of each of `volumes`, by name.

        Raises:
            TransferError, TrustError: a table did not come, or is not the right one.
            FormatError: tables do not fit each other.
        """
        names = sorted(volumes)
        with ThreadPoolExecutor(_AHEAD) as pool:
            waiting: deque[Future[pa.Table]] = deque()
            left = iter(names)
            listens = iter_listens(self.tables, names)
            for volume in names:
                while len(waiting) < 2 * _AHEAD and (ahead := next(left, None)) is not None:
                    waiting.append(pool.submit(self._read, ahead, columns))
                said = waiting.popleft().result()
                named, heard = next(listens, ("", np.zeros(0, np.int64)))
                if named != volume or len(heard) != said.num_rows:
                    raise FormatError(
                        f"{LISTENS}: does not fit {planning_table(volume)}; sync again"
                    )
                yield FileFacts(volume, said.column("file_bytes").to_numpy(), heard, said)

    def _read(self, volume: str, columns: Sequence[str]) -> pa.Table:
        asked = ["file_bytes", *columns]
        path = planning_table(volume)
        return self.tables.read(path, asked, read_dictionary=_CODED)


def iter_listens(tables: EditionTables, volumes: Sequence[str]) -> Iterator[tuple[str, I64]]:
    """Listens of the files of each of `volumes` (sorted), in order; one row group at a time."""
    wanted, held = set(volumes), list[I64]()
    current = ""
    with closing(_open_listens(tables)) as table:
        for group in range(table.num_row_groups):
            names = table.metadata.row_group(group).column(0).statistics
            if names is not None and not _is_among(volumes, names.min, names.max):
                continue
            rows = table.read_row_group(group, columns=["volume", "listens"], use_threads=False)
            listens = pc.fill_null(rows.column("listens"), WITHDRAWN).to_numpy()
            for volume, begin, end in _runs(rows.column("volume")):
                if volume not in wanted:
                    continue
                if current and volume != current:
                    yield current, np.concatenate(held)
                    held = []
                current = volume
                held.append(listens[begin:end])
    if current:
        yield current, np.concatenate(held)


def _open_listens(tables: EditionTables) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(tables.source(LISTENS), read_dictionary=["volume"])
    except (OSError, pa.ArrowInvalid) as error:
        raise FormatError(f"{LISTENS}: not a readable table ({error}); sync again") from error


def _is_among(volumes: Sequence[str], first: str, last: str) -> bool:
    """Whether any of the sorted `volumes` lies there."""
    at = bisect_left(volumes, first)
    return at < len(volumes) and volumes[at] <= last


def _runs(names: pa.ChunkedArray) -> Iterator[tuple[str, int, int]]:
    """(text, begin, end) of each stretch of equal texts."""
    coded = names.combine_chunks()
    coded = coded.chunk(0) if isinstance(coded, pa.ChunkedArray) else coded
    codes = coded.indices.to_numpy()
    edges = [*(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    begin = 0
    for end in edges:
        yield coded.dictionary[int(codes[begin])].as_py(), begin, end
        begin = end


@dataclass(frozen=True, slots=True)
class CatalogueFacts:
    """Of the tables of an edition that has no ``planning/``, as far as the mirror has them."""

    tables: EditionTables

    def iter_facts(self, volumes: Collection[str], columns: Sequence[str]) -> Iterator[FileFacts]:
        """Facts of each of `volumes`, by name.

        Raises:
            UsageError: it is asked where files may be given out, which no older edition says.
            NotFoundError: tables are not here.
        """
        if "barred" in columns:
            raise UsageError(
                f"edition {self.tables.manifest.name} does not say where each file may be given "
                "out; plan without --territory until there is a newer one"
            )
        missing = [v for v in volumes if not self.tables.is_held(f"files/{v}.parquet")]
        if missing:
            raise NotFoundError(
                f"the mirror has no tables of {len(missing):,} volumes, {missing[0]} among them, "
                "that have to be asked; plan without wishes for single files"
            )
        manifest = self.tables.manifest
        edition = self.tables.tree.edition(manifest.name)
        wanted = set(volumes)
        with closing(open_edition(edition, manifest)) as reader:
            cursor = reader.cursor()
            cursor.execute("SET memory_limit = '4GB'")
            cursor.execute("SET preserve_insertion_order = false")
            for volume, rows in iter_wishable(cursor):
                if volume in wanted:
                    listens = pc.fill_null(rows.column("listens"), WITHDRAWN).to_numpy()
                    said = rows.select(list(columns))
                    yield FileFacts(volume, rows.column("file_bytes").to_numpy(), listens, said)


@dataclass(frozen=True, slots=True)
class FewFacts:
    """Bytes and listens of a few volumes, of any edition; tables that are not here are fetched."""

    tables: EditionTables

    def paths(self, volumes: Collection[str]) -> list[str]:
        """The tables that are read for these volumes."""
        standing = [s.path for s in self.tables.manifest.shards if s.table == "standing"]
        return [*(f"files/{volume}.parquet" for volume in volumes), *standing]

    def iter_facts(self, volumes: Collection[str], columns: Sequence[str]) -> Iterator[FileFacts]:
        """Facts of each of `volumes`, by name; `columns` are not told. Memory: all of them."""
        named = ["recording", "bytes"]
        found = {v: self.tables.read(f"files/{v}.parquet", named) for v in sorted(volumes)}
        if not found:
            return
        heard = self._listens(pa.concat_tables(found.values())["recording"])
        for volume, rows in found.items():
            listens = [heard.get(number, 0) for number in rows["recording"].to_pylist()]
            sizes = rows["bytes"].to_numpy()
            yield FileFacts(volume, sizes, np.array(listens, np.int64), rows.select([]))

    def _listens(self, wanted: pa.ChunkedArray) -> dict[int, int]:
        """Listens of the recordings `wanted`, one shard of the standing at a time."""
        found: dict[int, int] = {}
        for path in self.paths(()):
            rows = self.tables.read(path, ["number", "listens"])
            rows = rows.filter(pc.is_in(rows["number"], wanted.combine_chunks()))
            found.update(zip(rows["number"].to_pylist(), rows["listens"].to_pylist(), strict=True))
        return found

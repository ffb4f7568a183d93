"""What an edition says for planning and for finding a file, against its tables of files: whether
``planning/`` and ``places/`` (docs/formats/edition.md) mean the same. Both are hints that nobody
reads before they count, so that what is wrong in them would be noticed by nobody."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from phonotheque.catalogue import open_edition
from phonotheque.mirror.expected import entry
from phonotheque.mirror.facts import LISTENS, planning_table
from phonotheque.mirror.formats import EntryReport
from phonotheque.model.edition import EditionManifest
from phonotheque.model.findings import FindingCode
from phonotheque.storage.layout import Tree
from phonotheque.storage.part_tables import volumes_lacking
from phonotheque.storage.places import (
    KEY,
    Keys,
    is_places,
    pack_places,
    span_of,
    volume_number,
    volumes_in,
)
from phonotheque.storage.volume_rows import read_volumes

_LOT_ROWS = 4_000_000  # whose listens are looked up together
_OTHERWISE = """
    SELECT volume, count(*) FROM lot l
    LEFT JOIN redirects r ON r.kind = 'r' AND r.old = l.recording
    LEFT JOIN standing s ON s.number = coalesce(nullif(r.new, 0), l.recording)
    WHERE CASE WHEN withdrawn THEN NULL ELSE coalesce(s.listens, 0) END IS DISTINCT FROM l.listens
    GROUP BY volume ORDER BY volume"""


def check_planning(tree: Tree, manifest: EditionManifest) -> Iterator[EntryReport]:
    """``planning/`` against ``files/``, `standing` and the tombstones: rows, lengths, licences and
    listens. Of volumes whose tables are not here only how many files they have. Artists and genres
    may be a little older than the edition, and where files are barred is not decided again.

    Memory: the table of one volume, 25 bytes a file of `_LOT_ROWS`, and 2 GB for DuckDB.
    """
    listed = {e.path for e in manifest.contents if e.path.startswith("planning/")}
    if not listed:
        return  # made before there were such tables
    edition = _Edition.of(tree, manifest)
    standing = {n: r for n, r in edition.rows.items() if r["superseded_by"] is None}
    wanted = {planning_table(name) for name in standing} | {LISTENS}
    for odd in sorted(listed ^ wanted):
        text = "volumes.parquet and this folder do not name the same volumes"
        yield edition.odd(FindingCode.EDITION_PLANNING, odd, text)
    if LISTENS not in listed:
        return
    told = _iter_told(edition.path / LISTENS)
    with TemporaryDirectory(prefix="phonotheque-") as work:
        lots = _Lots(edition, Path(work))
        for name in sorted(n for n in standing if planning_table(n) in listed):
            said = pq.read_table(
                edition.path / planning_table(name), columns=["place", "file_bytes", "licence"]
            )
            yield from _check_table(edition, name, said)
            volume, heard = next(told, ("", None))
            if volume != name or heard is None or not _counts_up(heard, said.num_rows):
                text = f"does not have the files of {name} where they should be"
                yield edition.odd(FindingCode.EDITION_PLANNING, LISTENS, text)
                return
            yield from lots.add(name, heard.column("listens"))
        yield from lots.finish()
        if (further := next(told, None)) is not None:
            text = f"has rows of {further[0]}, of which there is no planning table"
            yield edition.odd(FindingCode.EDITION_PLANNING, LISTENS, text)


def check_places(tree: Tree, manifest: EditionManifest) -> Iterator[EntryReport]:
    """``places/`` against ``files/``: of each volume the same recordings, in order. Of volumes
    whose tables are not here only how many files they have.

    Memory: 40 bytes a file of the volumes that one file tells of, 500 as they are written.
    """
    paths = sorted(e.path for e in manifest.contents if is_places(e.path))
    if not paths:
        return  # made before there were such files
    edition = _Edition.of(tree, manifest)
    numbered = {n: name for name in edition.rows if (n := volume_number(name)) is not None}
    told = set[int]()
    for path in paths:
        first, last = span_of(path) or (0, 0)
        within = {n: name for n, name in numbered.items() if first <= n <= last}
        told |= within.keys()
        if (wrong := _compare_places(edition, path, within)) is not None:
            yield edition.odd(FindingCode.EDITION_PLACES, path, wrong)
    for number in sorted(numbered.keys() - told):
        if edition.may_have(numbered[number], 0):
            continue
        text = f"no file tells where the recordings of {numbered[number]} are"
        yield edition.odd(FindingCode.EDITION_PLACES, "places", text)


@dataclass(frozen=True, slots=True)
class _Edition:
    """An edition, its rows of `volumes.parquet` by name, and which of them have no table here."""

    path: Path
    manifest: EditionManifest
    rows: dict[str, dict[str, Any]]
    here: frozenset[str]

    @classmethod
    def of(cls, tree: Tree, manifest: EditionManifest) -> "_Edition":
        path = tree.edition(manifest.name)
        rows = {r["volume"]: r for r in read_volumes(path / "volumes.parquet").to_pylist()}
        listed = {e.path for e in manifest.contents}
        here = {name for name in rows if f"files/{name}.parquet" in listed}
        return cls(path, manifest, rows, frozenset(here) - volumes_lacking(path, manifest))

    def may_have(self, volume: str, files: int) -> bool:
        """Whether so many files of a volume may be told of; of those that went before there were
        places, none."""
        row = self.rows[volume]
        gone = row["superseded_by"] is not None and volume not in self.here
        return files == row["files"] or (gone and files == 0)

    def files(self, volume: str, columns: Sequence[str]) -> pa.Table:
        """Columns of the table of a volume that is here."""
        return pq.read_table(self.path / "files" / f"{volume}.parquet", columns=list(columns))

    def odd(self, code: FindingCode, path: str, text: str) -> EntryReport:
        """A finding."""
        way_out = "publish another edition and report it"
        return entry(code, f"editions/{self.manifest.name}/{path}", f"{text}; {way_out}")


def _check_table(edition: _Edition, name: str, said: pa.Table) -> Iterator[EntryReport]:
    wrong = [] if _counts_up(said, edition.rows[name]["files"]) else ["the number of rows"]
    if not wrong and name in edition.here:
        files = edition.files(name, ["bytes", "licence"])
        for ours, theirs in (("file_bytes", "bytes"), ("licence", "licence")):
            if not said.column(ours).equals(
                files.column(theirs).cast(said.schema.field(ours).type)
            ):
                wrong.append(ours)
    if wrong:
        text = f"{', '.join(wrong)} differ from files/{name}.parquet"
        yield edition.odd(FindingCode.EDITION_PLANNING, planning_table(name), text)


def _counts_up(table: pa.Table, rows: int) -> bool:
    """Whether `place` is 0, 1, 2 … of `rows` rows."""
    places = table.column("place").to_numpy()
    return len(places) == rows and bool(np.array_equal(places, np.arange(rows)))


def _iter_told(path: Path) -> Iterator[tuple[str, pa.Table]]:
    """Rows of the table of listens that follow each other and are of one volume."""
    held, current = list[pa.Table](), ""
    with pq.ParquetFile(path) as table:
        for batch in table.iter_batches(columns=["volume", "place", "listens"]):
            runs = pc.run_end_encode(batch.column("volume"))
            start = 0
            for name, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
                if held and name != current:
                    yield current, pa.concat_tables(held)
                    held = []
                current = name
                held.append(pa.Table.from_batches([batch.slice(start, end - start)]))
                start = end
    if held:
        yield current, pa.concat_tables(held)


class _Lots:
    """Listens as told for planning, compared with those of the standing, many volumes at once."""

    def __init__(self, edition: _Edition, work: Path) -> None:
        self._edition, self._work = edition, work
        self._held: list[pa.Table] = []
        self._rows = 0

    def add(self, volume: str, told: pa.ChunkedArray) -> Iterator[EntryReport]:
        """Take the files of a volume, with the listens that are told of them, in order."""
        if volume not in self._edition.here:
            return
        files = self._edition.files(volume, ["path", "recording"])
        if files.num_rows != len(told):
            return  # found already
        table = files.append_column("listens", told).append_column(
            "volume", pa.array([volume]).take(pa.array(np.zeros(len(told), np.int64)))
        )
        self._held.append(table)
        self._rows += table.num_rows
        if self._rows >= _LOT_ROWS:
            yield from self.finish()

    def finish(self) -> Iterator[EntryReport]:
        """Compare what was taken."""
        if not self._held:
            return
        with closing(open_edition(self._edition.path, self._edition.manifest)) as reader:
            cursor = reader.cursor()
            cursor.execute("SET memory_limit = '2GB'")
            cursor.execute("SET temp_directory = ?", [str(self._work)])
            found = self._otherwise(cursor)
        self._held, self._rows = [], 0
        for volume, files in found:
            text = f"the listens of {files:,} files of {volume} are not those of the standing"
            yield self._edition.odd(FindingCode.EDITION_PLANNING, LISTENS, text)

    def _otherwise(self, cursor: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
        """Volumes with files whose listens are others, and how many."""
        cursor.register("taken", pa.concat_tables(self._held))
        cursor.execute(
            "CREATE TABLE lot AS SELECT volume, recording, listens, "
            "t.path IS NOT NULL AS withdrawn FROM taken LEFT JOIN "
            "(SELECT DISTINCT volume, path FROM tombstones) t USING (volume, path)"
        )
        return [(str(v), int(n)) for v, n in cursor.execute(_OTHERWISE).fetchall()]


def _compare_places(edition: _Edition, path: str, within: dict[int, str]) -> str | None:
    """What is wrong with a file of places that tells of the volumes `within`, by number."""
    where = edition.path / path
    if where.stat().st_size % KEY.itemsize:
        return "it ends in the middle of a number"
    content: Keys = np.fromfile(where, KEY)
    if bool(np.any(content[1:] <= content[:-1])):
        return "its numbers do not rise"
    volumes = volumes_in(content)
    counts = np.bincount(volumes, minlength=max(within, default=0) + 1)
    if any(n not in within for n in np.flatnonzero(counts).tolist()):
        return "it names volumes that there are not, or that another file tells of"
    other = [n for n, name in within.items() if not edition.may_have(name, int(counts[n]))]
    if other:
        text = f"it has another number of recordings than {len(other):,} volumes have files"
        return f"{text}, for example {within[min(other)]}"
    here = [n for n, name in within.items() if name in edition.here]
    compared = np.zeros(len(counts), np.bool_)
    compared[here] = True
    if not np.array_equal(content[compared[volumes]], _keys(edition, within, here)):
        return "it names other recordings than files/ has"
    return None


def _keys(edition: _Edition, within: dict[int, str], here: Sequence[int]) -> Keys:
    """What should be told of the volumes `here`."""
    parts = [
        pack_places(edition.files(within[n], ["recording"]).column(0).to_numpy(), n) for n in here
    ]
    keys: Keys = np.concatenate([np.zeros(0, KEY), *parts])
    keys.sort()
    return keys

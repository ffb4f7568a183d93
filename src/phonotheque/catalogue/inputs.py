"""What a build is made from: of every key of every source the newest word, as columns by part.

A row is known inside a build by `row`: import number * 2^32 + its place in the import. Row ids are
labels; they decide nothing but ties between rows that nothing else tells apart.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.catalogue.ports import TableEngine
from phonotheque.model import tables
from phonotheque.model.errors import InputError
from phonotheque.model.matching import BUCKETS, digests64
from phonotheque.storage.tables import check_schema

ROW_BITS = 32
MOST_IMPORTS = 1 << 16
"""Row ids stay below 2^48, which units.py leaves room above for names that are no rows."""
ROWS_PER_PART = 8_000_000
"""About how many rows one part has: what is grouped or sorted at once (about 2 GB of memory)."""

_OFTEN_EMPTY = frozenset(
    ["artists", "release_group", "release_country", "genres", "position_text", "isrcs",
     "recording_mbid", "release_mbid", "collection", "evidence", "file_sha256"]
)  # fmt: skip
_NEVER_NULL = frozenset(["isrcs", "evidence"])
_ORDINAL = pa.schema([pa.field("source_key", pa.string()), pa.field("ordinal", pa.int64())])


@dataclass(frozen=True, slots=True)
class ImportFiles:
    """The Parquet files of one import; `ordinal` counts the imports within `source`. `gone` are
    files of keys that the import says are no longer there."""

    source: str
    name: str
    ordinal: int
    paths: tuple[Path, ...]
    gone: tuple[Path, ...] = ()

    @property
    def label(self) -> str:
        """How a manifest names it."""
        return f"{self.source}/{self.name}"


class Rows:
    """The rows that count, read column by column and part by part.

    Part p of n has the rows whose bucket b gives p = b * n // 256, so a part is a range of buckets
    and a file is read only where it has some. `parts` is a power of two.
    """

    def __init__(
        self,
        engine: TableEngine,
        imports: Sequence[ImportFiles],
        redirects: Any = None,
        *,
        rows_per_part: int = ROWS_PER_PART,
    ) -> None:
        self._engine = engine
        self._redirects = None if redirects is None else _one_way(engine, redirects)
        self._imports = sorted(imports, key=lambda i: (i.source, i.ordinal))
        for part in self._imports:
            for path in part.paths:
                check_schema(path, tables.ROWS)
        _check_counts(self._imports)
        self.total = sum(count_rows(i.paths) for i in self._imports)
        self._rows_per_part = rows_per_part
        self.parts = self.parts_for(self.total)
        self._superseded = self._find_superseded()
        self._only: Any = None
        self._filled: dict[str, bool] = {}

    @property
    def merged_ids(self) -> Any:
        """`entity`, `old`, `new` of MusicBrainz ids that were merged away; None where none is."""
        return None if self._redirects is None else self._redirects.select("entity", "old", "new")

    def narrowed(self, only: Any, parts: int) -> "Rows":
        """The same rows, less those whose `row` does not stand in the table `only`."""
        other = object.__new__(Rows)
        other.__dict__.update(self.__dict__)
        other._only = only
        other.parts = parts
        return other

    def parts_for(self, rows: int) -> int:
        """How many parts so many rows are worked through in."""
        parts = 1
        while parts < BUCKETS and rows > parts * self._rows_per_part:
            parts *= 2
        return parts

    def select(self, *columns: str, part: int | None = None) -> Any:
        """`row`, `bucket`, and the named columns of `tables.ROWS` and `source`; of one part."""
        rows = self._every(range(len(self._imports)), columns, part)
        if self._superseded is not None:
            rows = rows.anti_join(self._superseded, "row")
        if self._only is not None:
            rows = rows.semi_join(self._only, "row")
        return closed(self._redirected(rows))

    def added(self, known: Collection[str], *columns: str) -> Any:
        """As `select`: the rows that count and come from imports with other labels than `known`."""
        fresh = [n for n, each in enumerate(self._imports) if each.label not in known]
        rows = self._every(fresh, columns, None)
        if self._superseded is not None:
            rows = rows.anti_join(self._superseded, "row")
        return closed(self._redirected(rows))

    def replaced(self, known: Collection[str], *columns: str) -> Any:
        """As `select`: rows that counted while only the imports `known` were there."""
        old = [n for n, each in enumerate(self._imports) if each.label in known]
        rows = self._every(old, columns, None)
        if self._superseded is None:
            return rows.limit(0)
        then = self._find_superseded(known)
        rows = rows.semi_join(self._superseded, "row")
        rows = rows.anti_join(then, "row") if then is not None else rows
        return closed(self._redirected(rows))

    def _every(self, imports: Iterable[int], columns: Sequence[str], part: int | None) -> Any:
        wanted = dict.fromkeys([*columns, "bucket"])
        parts = []
        for ordinal in imports:
            each = self._imports[ordinal]
            table = self._engine.read(each.paths, tables.ROWS)
            if part is not None and self.parts > 1:
                width = BUCKETS // self.parts
                table = table.filter(table.bucket.between(part * width, (part + 1) * width - 1))
            columns_ = {n: self._column(table, n) for n in wanted if n != "source"}
            columns_["row"] = table.place + (ordinal << ROW_BITS)
            if "source" in wanted:
                columns_["source"] = ibis.literal(each.source)
            parts.append(table.select(**columns_))
        return union(self._engine, parts, self._schema(list(wanted)))

    def has(self, column: str) -> bool:
        """Whether any row of any import has a value in a column that may be empty; by footers."""
        if column not in self._filled:
            paths = (path for each in self._imports for path in each.paths)
            self._filled[column] = any(_has_values(path, column) for path in paths)
        return self._filled[column]

    def _column(self, table: Any, name: str) -> Any:
        """The column, or a constant where it is empty everywhere: nothing is read then."""
        kind = table.schema()[name]
        if name in _OFTEN_EMPTY and not self.has(name):
            empty: Any = ibis.literal([], kind) if name in _NEVER_NULL else ibis.null(kind)
            return empty
        return table[name]

    def part_of(self, bucket: Any) -> Any:
        """Column expression: the part a bucket belongs to."""
        return (bucket.cast("int64") * self.parts // BUCKETS).cast("int32")

    def _redirected(self, rows: Any) -> Any:
        """MusicBrainz ids that were merged away, replaced by those they became; so is the
        `release_match` of such a release."""
        if self._redirects is None:
            return rows
        if "release_match" in rows.columns and self.has("release_mbid"):
            table = self._redirects
            moved = table.filter(table.entity == "release").select(was="match", became="new_match")
            rows = rows.left_join(moved, rows.release_match == moved.was)
            rows = rows.mutate(release_match=ibis.coalesce(rows.became, rows.release_match))
            rows = rows.drop("was", "became")
        for column, entity in (("recording_mbid", "recording"), ("release_mbid", "release")):
            if column in rows.columns:
                table = self._redirects
                moved = table.filter(table.entity == entity).select(old="old", new="new")
                rows = rows.left_join(moved, rows[column] == moved.old)
                rows = rows.mutate(**{column: ibis.coalesce(rows.new, rows[column])})
                rows = rows.drop("old", "new")
        return rows

    def _schema(self, wanted: list[str]) -> pa.Schema:
        kinds = {f.name: f.type for f in tables.ROWS} | {"source": pa.string()}
        fields = [pa.field(n, kinds[n]) for n in wanted if n != "source"]
        fields.append(pa.field("row", pa.int64()))
        if "source" in wanted:
            fields.append(pa.field("source", pa.string()))
        return pa.schema(fields)

    def _find_superseded(self, known: Collection[str] | None = None) -> Any:
        """Column `row`: rows on whose key a later import of the source has a word; or None.

        With `known`, only the imports with these labels have a word.
        """
        found = []
        for source in dict.fromkeys(i.source for i in self._imports):
            of_source = [
                (n, each)
                for n, each in enumerate(self._imports)
                if each.source == source and (known is None or each.label in known)
            ]
            if len(of_source) > 1:
                found += self._superseded_in(of_source)
        if not found:
            return None
        return self._engine.keep(united(found))

    def _superseded_in(self, imports: list[tuple[int, ImportFiles]]) -> list[Any]:
        said = []
        for _, each in imports[1:]:
            for paths, schema in ((each.paths, tables.ROWS), (each.gone, tables.GONE)):
                if paths:
                    keys = self._engine.read(paths, schema).select("source_key")
                    said.append(keys.mutate(ordinal=ibis.literal(each.ordinal, "int64")))
        every = union(self._engine, said, _ORDINAL)
        newest = self._engine.keep(every.group_by("source_key").agg(newest=every.ordinal.max()))
        out = []
        for number, each in imports[:-1]:
            mine = self._engine.read(each.paths, tables.ROWS)
            mine = mine.select("source_key", row=mine.place + (number << ROW_BITS))
            met = mine.inner_join(newest, "source_key")
            out.append(met.filter(met.newest > each.ordinal).select("row"))
        return out


_MOVED = pa.schema(
    [
        pa.field("entity", pa.string()),
        pa.field("old", pa.string()),
        pa.field("new", pa.string()),
        pa.field("match", pa.int64()),
        pa.field("new_match", pa.int64()),
    ]
)


def _one_way(engine: TableEngine, redirects: Any) -> Any:
    """Kept: one line for each id that was merged away, and what `release_match` it gives and
    should give. Several sources may tell of one; the smallest id counts."""
    once = redirects.group_by("entity", "old").agg(new=redirects.new.min())

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in engine.stream(once, ["entity", "old"]):
            matches = [
                pa.array(digests64(f"mbid:{mbid}" for mbid in batch.column(name).to_pylist()))
                for name in ("old", "new")
            ]
            columns = [batch.column(name) for name in ("entity", "old", "new")]
            yield pa.RecordBatch.from_arrays([*columns, *matches], schema=_MOVED)

    return engine.keep_batches(_MOVED, batches())


def closed(table: Any) -> Any:
    """The table as a relation of its own: Ibis would draw later joins into the one it ends in,
    and lose track of columns computed between."""
    return table.view()


def table_of_numbers(engine: TableEngine, numbers: Sequence[int]) -> Any:
    """Kept: column `number` with these values. (An Ibis memtable is known to no engine.)"""
    schema = pa.schema([("number", pa.int64())])
    return engine.keep_batches(
        schema, [pa.RecordBatch.from_pydict({"number": list(numbers)}, schema=schema)]
    )


def _check_counts(imports: Sequence[ImportFiles]) -> None:
    """Raise `InputError` where row ids would run over."""
    if len(imports) >= MOST_IMPORTS:
        raise InputError(
            f"{len(imports):,} imports: a build takes up to {MOST_IMPORTS:,}; "
            "ingest small inputs together, under one source"
        )
    for each in imports:
        if count_rows(each.paths) >= 1 << ROW_BITS:
            raise InputError(
                f"{each.label}: an import has up to {1 << ROW_BITS:,} rows; "
                "ingest it in several, with --add"
            )


def count_rows(paths: Iterable[Path]) -> int:
    """Rows of Parquet files, by their footers."""
    return sum(int(pq.read_metadata(path).num_rows) for path in paths)


def newest_listens(engine: TableEngine, imports: Sequence[ImportFiles]) -> Any:
    """The rows of the newest import of each listens source, with a column `source`."""
    parts = []
    for each in newest_of_each(imports):
        for path in each.paths:
            check_schema(path, tables.LISTENS)
        table = engine.read(each.paths, tables.LISTENS)
        parts.append(table.mutate(source=ibis.literal(each.source)))
    schema = tables.LISTENS.append(pa.field("source", pa.string(), nullable=False))
    return union(engine, parts, schema)


def newest_of_each(imports: Sequence[ImportFiles]) -> list[ImportFiles]:
    """The newest import of each source, by source."""
    newest = {i.source: i for i in sorted(imports, key=lambda i: i.ordinal)}
    return [newest[source] for source in sorted(newest)]


def newest_table(engine: TableEngine, imports: Sequence[ImportFiles], schema: pa.Schema) -> Any:
    """All rows of the newest import of each source, files of `schema`; None without any."""
    paths = [path for each in newest_of_each(imports) for path in each.paths]
    for path in paths:
        check_schema(path, schema)
    return engine.read(paths, schema) if paths else None


def union(engine: TableEngine, parts: Sequence[Any], schema: pa.Schema) -> Any:
    """All rows of `parts` (all with `schema`); an empty table when there are none."""
    if not parts:
        return engine.read([], schema)
    return united(parts)


def united(parts: Sequence[Any]) -> Any:
    """All rows of tables that are alike; at least one table."""
    return parts[0] if len(parts) == 1 else ibis.union(*parts, distinct=False)


def _has_values(path: Path, column: str) -> bool:
    """Whether a Parquet file has a value in a column (or within it); true where it cannot tell."""
    meta = pq.read_metadata(path)
    for group in range(meta.num_row_groups):
        row_group = meta.row_group(group)
        for index in range(row_group.num_columns):
            chunk = row_group.column(index)
            if chunk.path_in_schema.split(".")[0] == column:
                stats = chunk.statistics
                if stats is None or stats.has_min_max or not stats.has_null_count:
                    return True
                break
    return False

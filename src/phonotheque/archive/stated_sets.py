"""The current build's recordings by what is stated of their rights: the distinct sets of evidence,
how many recordings have each, and how often they are listened to.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from phonotheque.archive.build import build_inputs
from phonotheque.archive.policy import archive_policy
from phonotheque.archive.term_tables import PARTS, insert_batches
from phonotheque.archive.verdict_tables import Verdicts
from phonotheque.archive.withdrawals import read_withdrawals
from phonotheque.catalogue import (
    SIGNED,
    CatalogueReader,
    claims_within,
    current_build,
    open_build,
    parse_signature,
    signatures_from_imports,
)
from phonotheque.engine import LocalEngine
from phonotheque.model.errors import NotFoundError
from phonotheque.rights import Policy
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree

MEMORY = "2GB"
ROWS_AT_ONCE = 1 << 20
_NUMBERS = pa.schema([pa.field("number", pa.int64())])


class StatedSets:
    """Tables over `cursor`, which has the views of a build:

    ``parts_<name>`` (part, text) for each of PARTS: the distinct parts of what is stated;
    `signed` (recording and a column for each of PARTS), on disk in `folder`: the recordings of
    which anything is stated and that are not `withdrawn`; `sets` (the columns of PARTS, recordings,
    listens): each distinct set once. `ranges`: the files of `signed`, each as a table in SQL and a
    condition on `number` that other tables of recordings are read by: what joins all of them at
    once would spill them all.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        batches: Iterable[pa.RecordBatch],
        withdrawn: Sequence[int],
        policy: Policy,
        folder: Path,
    ) -> None:
        """`batches`: catalogue.SIGNED, in the order of recordings. Memory: that of the connection
        and ROWS_AT_ONCE rows. `recordings` tells how many there were, withdrawn ones too.
        """
        self.cursor = cursor
        self.policy = policy
        gone = pa.RecordBatch.from_pydict({"number": withdrawn}, schema=_NUMBERS)
        insert_batches(cursor, "withdrawn_now", _NUMBERS, iter([gone]))
        self.ranges: list[tuple[str, str]] = []
        self.recordings = self._sign(batches, folder)
        self.verdicts = Verdicts(cursor, parse_signature, policy)

    def _sign(self, batches: Iterable[pa.RecordBatch], folder: Path) -> int:
        run = self.cursor.execute
        for part in PARTS:
            run(f"CREATE TABLE parts_{part} (part INTEGER, text VARCHAR)")
        columns = ", ".join(f"{part} INTEGER" for part in PARTS)
        run(f"CREATE TABLE weighed ({columns}, recordings BIGINT, listens BIGINT)")
        folder.mkdir(parents=True, exist_ok=True)
        total = 0
        for number, rows in enumerate(_gathered(batches)):
            total += rows.num_rows
            self.cursor.register("told", rows)
            self._split_rows()
            self.cursor.unregister("told")
            self._weigh_rows(folder / f"{number:05d}.parquet")
        run(f"CREATE VIEW signed AS FROM read_parquet({_quoted(folder / '*.parquet')})")
        run(
            f"CREATE TABLE sets AS SELECT {', '.join(PARTS)}, "
            "sum(recordings)::BIGINT AS recordings, sum(listens)::BIGINT AS listens "
            "FROM weighed GROUP BY ALL"
        )
        run("DROP TABLE weighed")
        return total

    def _split_rows(self) -> None:
        """`mine`: the rows of `told` by the numbers of their parts; new parts get numbers."""
        run = self.cursor.execute
        texts = ", ".join(f"{claims_within('text', claims)} AS {p}" for p, claims in PARTS.items())
        run(
            f"CREATE TABLE split AS SELECT text, {texts} "
            "FROM (SELECT DISTINCT signature AS text FROM told)"
        )
        for part in PARTS:
            run(f"CREATE TABLE texts AS SELECT DISTINCT {part} AS text FROM split")
            run(
                f"INSERT INTO parts_{part} SELECT (SELECT count(*) FROM parts_{part}) "
                "+ row_number() OVER (), text FROM texts "
                f"WHERE text NOT IN (SELECT text FROM parts_{part} SEMI JOIN texts USING (text))"
            )
            run("DROP TABLE texts")
        joins = " ".join(f"JOIN parts_{part} {part} ON {part}.text = s.{part}" for part in PARTS)
        run(
            "CREATE TABLE mine AS SELECT t.recording, "
            f"{', '.join(f'{part}.part AS {part}' for part in PARTS)} FROM told t "
            f"JOIN split s ON s.text = t.signature {joins} "
            "ANTI JOIN withdrawn_now w ON w.number = t.recording"
        )
        run("DROP TABLE split")

    def _weigh_rows(self, path: Path) -> None:
        """Write `mine` to `path`, and note how many recordings and listens each set has there."""
        run = self.cursor.execute
        run(
            f"COPY (FROM mine ORDER BY recording) TO {_quoted(path)} "
            "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
        )
        ((low, high),) = run(
            "SELECT coalesce(min(recording), 0), coalesce(max(recording), 0) FROM mine"
        ).fetchall()
        self.ranges.append((f"read_parquet({_quoted(path)})", f"number BETWEEN {low} AND {high}"))
        run(
            f"INSERT INTO weighed SELECT {', '.join(PARTS)}, count(*), "
            "coalesce(sum(st.listens), 0) FROM mine m LEFT JOIN (SELECT number, listens "
            f"FROM standing WHERE {self.ranges[-1][1]}) st "
            "ON st.number = m.recording GROUP BY ALL"
        )
        run("DROP TABLE mine")


@contextmanager
def open_stated_sets(tree: Tree, memory: str = MEMORY) -> Iterator[StatedSets]:
    """What is stated in the imports of the current build. Writes to a temporary directory; memory:
    `memory` twice, and ROWS_AT_ONCE rows.

    Raises:
        NotFoundError: no archive, or no build in it.
    """
    settings = read_settings(tree)
    current = current_build(tree)
    if current is None:
        raise NotFoundError(f"{tree.root}: no catalogue yet; run `phonotheque build` first")
    manifest, directory = current
    with TemporaryDirectory(prefix="phonotheque-rights-") as folder:
        reader = open_build(directory, manifest)
        engine = LocalEngine(Path(folder) / "engine", memory=memory)
        try:
            inputs = build_inputs(tree, settings, manifest)
            batches = signatures_from_imports(engine, inputs, manifest, directory)
            gone = [w.recording for w in read_withdrawals(tree)]
            cursor = bounded_cursor(reader, Path(folder), memory)
            policy = archive_policy(settings)
            yield StatedSets(cursor, batches, gone, policy, Path(folder) / "signed")
        finally:
            engine.close()
            reader.close()


def bounded_cursor(reader: CatalogueReader, folder: Path, memory: str) -> duckdb.DuckDBPyConnection:
    """A cursor that keeps `memory` and spills to `folder`."""
    cursor = reader.cursor()
    cursor.execute(f"SET memory_limit = '{memory}'")
    cursor.execute(f"SET temp_directory = {_quoted(folder / 'spill')}")
    cursor.execute("SET preserve_insertion_order = false")
    return cursor


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Tables of at least ROWS_AT_ONCE rows; the last may have fewer, and there always is one."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(each.num_rows for each in held) >= ROWS_AT_ONCE:
            yield pa.Table.from_batches(held)
            held = []
    yield pa.Table.from_batches(held, SIGNED)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"

"""Listens counted by recording, without those that no listener can have heard.

The rules are in docs/formats/dumps-listenbrainz.md, with their reasons. Listens are first laid
down in `PARTS` tables by user, so that all of a user's are in one; each is then judged and counted
by itself, and since no user is in two, the counts add up. Memory is DuckDB's limit and
`SPILL_ROWS` listens; the disk takes about 25 bytes a listen.
"""

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.sources.listenbrainz_listens import Listens, mbid_keys
from phonotheque.sources.records import Block

PARTS = 64
SPILL_ROWS = 1 << 20
BLOCK_ROWS = 65_536
MEMORY = "1GB"
EARLIEST = 1_033_430_400
"""2002-10-01: before it nobody recorded listens, and ListenBrainz refuses older ones."""
CLOCK_SECONDS = 86_400
"""How far a player's clock may be ahead of the dump."""
DAY_LISTENS = 2_880
"""24 hours of listens of 30 seconds each."""
TIRELESS_DAYS = 14

ONE_SLICE_BYTES = 64 << 20
"""Counts of more bytes are added up in 16 slices, one after another."""

_SCHEMA = pa.schema(
    [
        pa.field("listener", pa.int64(), nullable=False),
        pa.field("moment", pa.int64(), nullable=False),
        pa.field("known", pa.bool_(), nullable=False),
        pa.field("high", pa.uint64(), nullable=False),
        pa.field("low", pa.uint64(), nullable=False),
        pa.field("gap", pa.int16(), nullable=False),
    ]
)


class Rule(StrEnum):
    """Why a listen is not counted; the first rule that holds is the reason."""

    EARLY = "early"
    LATE = "late"
    TWICE = "twice"
    TOO_SOON = "too-soon"
    FULL_DAY = "full-day"
    TIRELESS = "tireless"
    NO_RECORDING = "no-recording"


REASONS = {
    Rule.EARLY: "dated before October 2002, when nobody recorded listens yet",
    Rule.LATE: "dated more than a day behind the making of the dump",
    Rule.TWICE: "of one recording by one user at one second, told a second time",
    Rule.TOO_SOON: "of the recording the user had begun less than half of it, or 30 s, before",
    Rule.FULL_DAY: f"on days with more than {DAY_LISTENS:,} listens of one user",
    Rule.TIRELESS: f"of users who listen in all 24 hours on {TIRELESS_DAYS} days and on most days",
    Rule.NO_RECORDING: "of what ListenBrainz has not matched with a recording",
}


class Spill:
    """Listens laid down in parts by user, as Parquet files in the empty directory `work`."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._held: list[Listens] = []
        self._rows = 0
        self._writers: dict[int, pq.ParquetWriter] = {}

    def add(self, listens: Listens) -> None:
        """Take listens, in any order."""
        self._held.append(listens)
        self._rows += len(listens.moment)
        if self._rows >= SPILL_ROWS:
            self._write()

    def finish(self) -> list[Path]:
        """The files, each with all the listens of its users."""
        if self._rows:
            self._write()
        for writer in self._writers.values():
            writer.close()
        return [self._path(part) for part in sorted(self._writers)]

    def _path(self, part: int) -> Path:
        return self._work / f"listens-{part:02d}.parquet"

    def _write(self) -> None:
        columns = {
            name: np.concatenate([getattr(listens, name) for listens in self._held])
            for name in _SCHEMA.names
        }
        self._held, self._rows = [], 0
        mixed = columns["listener"].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        parts = (mixed >> np.uint64(58)).astype(np.uint8)
        order = np.argsort(parts, kind="stable")
        bounds = np.searchsorted(parts[order], np.arange(PARTS + 1))
        for part in range(PARTS):
            rows = order[bounds[part] : bounds[part + 1]]
            if len(rows):
                arrays = [pa.array(columns[name][rows]) for name in _SCHEMA.names]
                self._writer(part).write_batch(pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA))

    def _writer(self, part: int) -> pq.ParquetWriter:
        if part not in self._writers:
            self._writers[part] = pq.ParquetWriter(
                self._path(part),
                _SCHEMA,
                compression="zstd",
                compression_level=1,
                use_dictionary=["listener"],
                column_encoding={"moment": "DELTA_BINARY_PACKED"},
            )
        return self._writers[part]


class Counts:
    """Counts by recording, kept in files in `work`; `left_out` is how many listens each rule took.

    `latest` is the last second a listen may have (Unix time), None if that is not known.
    """

    def __init__(self, work: Path, latest: int | None) -> None:
        self._work = work
        self._latest = latest
        self._files: list[Path] = []
        self.left_out: Counter[Rule] = Counter()
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": MEMORY,
                "threads": 2,
                "temp_directory": str(work / "spill"),
                "preserve_insertion_order": False,
            },
        )

    def add(self, part: Path) -> None:
        """Judge and count the listens of a file of `Spill`, and delete it."""
        run = self._connection.execute
        run(f"CREATE OR REPLACE TEMP TABLE judged AS {judge(part, self._latest)}")
        part.unlink()
        for rule, listens in run("SELECT rule, count(*) FROM judged GROUP BY rule").fetchall():
            if rule is not None:
                self.left_out[Rule(rule)] += listens
        kept = self._work / f"counts-{len(self._files):02d}.parquet"
        run(f"COPY ({count_judged()}) TO {_quoted(kept)} (FORMAT parquet, COMPRESSION zstd)")
        run("DROP TABLE judged")
        self._files.append(kept)

    def iter_blocks(self, after: int) -> Iterator[Block]:
        """Blocks of kind listens in the order of their keys, without the first `after` rows."""
        number = 0
        for query in self._queries():
            for batch in self._connection.sql(query).to_arrow_reader(BLOCK_ROWS):
                skipped = min(max(after - number, 0), batch.num_rows)
                number += batch.num_rows
                if skipped < batch.num_rows:
                    yield _block(batch.slice(skipped), number)

    def _queries(self) -> list[str]:
        size = sum(path.stat().st_size for path in self._files)
        slices = range(16) if size > ONE_SLICE_BYTES else [None]
        return [add_up(self._files, place) for place in slices] if self._files else []

    def close(self) -> None:
        """Let go of files and memory."""
        self._connection.close()


def _block(batch: pa.RecordBatch, last: int) -> Block:
    high, low = (batch[name].to_numpy(zero_copy_only=False) for name in ("high", "low"))
    return Block(
        list(range(last - batch.num_rows + 1, last + 1)),
        {
            "key": mbid_keys(high, low),
            "listens": batch["listens"],
            "listeners": batch["listeners"],
        },
    )


def judge(part: Path, latest: int | None) -> str:
    """Each listen of a part with the first rule that leaves it out, or null."""
    end = 2**62 if latest is None else latest + CLOCK_SECONDS
    return f"""
    WITH dated AS (
        SELECT *, CASE WHEN moment < {EARLIEST} THEN '{Rule.EARLY}'
                       WHEN moment > {end} THEN '{Rule.LATE}' END AS misdated,
               high = 0 AND low = 0 AS nameless
        FROM read_parquet({_quoted(part)})
    ), placed AS (
        SELECT *, moment - lag(moment) OVER (
            PARTITION BY listener, high, low, misdated IS NULL ORDER BY moment, gap) AS since
        FROM dated
    ), repeats AS (
        SELECT listener, moment, known, high, low,
            CASE WHEN misdated IS NOT NULL THEN misdated
                 WHEN nameless OR since IS NULL THEN NULL
                 WHEN since = 0 THEN '{Rule.TWICE}'
                 WHEN since < gap THEN '{Rule.TOO_SOON}' END AS rule
        FROM placed
    ), days AS (
        SELECT listener, moment // 86400 AS day, count(*) AS listens,
               count(DISTINCT moment // 3600) AS hours
        FROM repeats WHERE rule IS NULL GROUP BY listener, day
    ), tireless AS (
        SELECT listener FROM days GROUP BY listener
        HAVING count_if(hours = 24) >= {TIRELESS_DAYS} AND 2 * count_if(hours = 24) > count(*)
    )
    SELECT r.listener, r.high, r.low,
        CASE WHEN r.rule IS NOT NULL THEN r.rule
             WHEN d.listens > {DAY_LISTENS} THEN '{Rule.FULL_DAY}'
             WHEN t.listener IS NOT NULL THEN '{Rule.TIRELESS}'
             WHEN NOT r.known THEN '{Rule.NO_RECORDING}' END AS rule
    FROM repeats r
    LEFT JOIN days d ON r.listener = d.listener AND r.moment // 86400 = d.day
    LEFT JOIN tireless t ON r.listener = t.listener"""


def count_judged() -> str:
    """Listens and listeners of each recording in the table `judged`."""
    return """
    SELECT high, low, count(*) AS listens, count(DISTINCT listener) AS listeners
    FROM judged WHERE rule IS NULL GROUP BY high, low"""


def add_up(files: list[Path], place: int | None) -> str:
    """The counts of all parts; with `place`, of the recordings whose id begins with that hex
    digit."""
    return f"""
    SELECT high, low, sum(listens)::BIGINT AS listens, sum(listeners)::BIGINT AS listeners
    FROM read_parquet([{", ".join(map(_quoted, files))}])
    {"" if place is None else f"WHERE high >> 60 = {place}"}
    GROUP BY high, low ORDER BY high, low"""


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"

"""From access logs to accounts and networks ranked by evidence."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from phonotheque.guard.deciding import Policy
from phonotheque.guard.logs.counting import lay_in_order, number_all
from phonotheque.guard.logs.following import Reached, follow_log, least_requests
from phonotheque.guard.logs.forms import Form, LogForm
from phonotheque.guard.logs.found import Analysis, ReadFile
from phonotheque.guard.logs.groups import weigh_networks
from phonotheque.guard.logs.hiding import hide_names
from phonotheque.guard.logs.judging import Judged, judge
from phonotheque.guard.logs.lines import Block, BrokenFileError, iter_blocks
from phonotheque.guard.logs.parsing import TABLES, header_of, make_reader
from phonotheque.guard.logs.robots import mark_robots
from phonotheque.guard.logs.suspects import (
    describe_networks,
    describe_suspects,
    list_bad,
    name_files,
)
from phonotheque.guard.tables import Tables, read_shipped_tables
from phonotheque.model.errors import InputError
from phonotheque.model.progress import Progress

_LEARNED_FROM: Final = 20
"""An account with fewer media requests is not among those that levels are found among."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked for. `items` is a table of the catalogue (item, rank or plays; number, artist,
    release), `catalogue` its size where there is none. `own_levels`: look for levels in the log as
    well. `memory` bounds DuckDB; rectangles of NumPy come on top (docs/operations)."""

    files: tuple[Path, ...]
    form: LogForm
    items: Path | None = None
    catalogue: int | None = None
    robots: tuple[str, ...] = ()
    own_levels: bool = True
    top: int = 20
    memory: str = "1GB"
    threads: int = 2
    bad_rows: Path | None = None  # where to write all bad rows, as CSV
    secret: bytes | None = None  # networks and accounts are shown as pseudonyms under it


@dataclass
class _Reading:
    """What reading has met so far."""

    lines: list[int] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)


def analyse_logs(wish: Wish, tables: Tables | None, work: Path, progress: Progress) -> Analysis:
    """Read the files of `wish`, in the empty directory `work` for what does not fit in memory.
    Without `tables`, those shipped for a catalogue of this size are used.

    Raises:
        NotFoundError: a file does not exist.
        InputError: no line of any file is a request, or a table cannot be used.
        UsageError: a pattern is none, or the catalogue is too small.
    """
    connection = _connect(wish, work)
    try:
        reading = _read_files(connection, wish, progress)
        progress.start("counting", None, "")
        size = number_all(connection, wish.items, wish.catalogue)
        # ranks of a log are estimates, and equal ones share the middle
        tables = (tables or read_shipped_tables(size)).unranked
        refused = mark_robots(connection, wish.robots)
        path = work / "media.parquet"
        lay_in_order(connection, least_requests(tables), path)
        progress.start("following accounts", None, "")
        reached = follow_log(path, tables)
        judged = judge(reached, tables, _people(connection, reached), own=wish.own_levels)
        progress.start("networks", None, "")
        groups = weigh_networks(connection, _told(reached, judged))
        progress.start("writing down", None, "")
        suspects = name_files(
            describe_suspects(connection, path, (reached, judged), wish.top, wish.robots),
            wish.files,
        )
        networks = describe_networks(connection, groups, wish.top)
        files = _files(connection, wish, reading)
        notes = [f"pattern {p!r} of a robot was not used: {why}" for p, why in refused]
        notes += _notes(connection, wish, judged)
        one = connection.execute(_TOTALS).fetchall()[0]
        bad, reasons = list_bad(connection, wish.files, wish.bad_rows)
        found = Analysis(
            files=files, lines=sum(f.lines for f in files), requests=one[0],
            media=one[1], followed=reached.requests, accounts=one[2], addresses=one[3],
            items=one[4], catalogue=size, first=_at(one[5]), last=_at(one[6]),
            bad_rows=sum(reasons.values()), bad_by_reason=reasons, bad=bad,
            levels=_levels_in_words(judged, tables), people=judged.people, tables=tables.version,
            suspects=suspects, by_measure=_by_measure(judged.evidence), networks=networks,
            notes=tuple(notes),
        )  # fmt: skip
        return found if wish.secret is None else hide_names(found, wish.secret)
    finally:
        connection.close()


_TOTALS: Final = """
SELECT (SELECT count(*) FROM requests), (SELECT count(*) FROM media),
  (SELECT count(*) FROM accounts WHERE named), (SELECT count(*) FROM accounts WHERE NOT named),
  (SELECT count(*) FROM items), (SELECT min(t) FROM requests), (SELECT max(t) FROM requests)
"""


def _connect(wish: Wish, work: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        str(work / "log.duckdb"),
        config={
            "memory_limit": wish.memory, "threads": wish.threads,
            "temp_directory": str(work / "spill"), "preserve_insertion_order": False,
        },
    )  # fmt: skip
    connection.execute("SET TimeZone = 'UTC'")
    for statement in TABLES.split(";\n"):
        connection.execute(statement)
    return connection


def _read_files(connection: duckdb.DuckDBPyConnection, wish: Wish, progress: Progress) -> _Reading:
    reading = _Reading()
    sizes = [path.stat().st_size for path in wish.files if path.is_file()]
    progress.start("reading", sum(sizes) if len(sizes) == len(wish.files) else None, "bytes")
    for number, path in enumerate(wish.files):
        reading.lines.append(0)
        try:
            _read_file(connection, wish.form, number, path, reading)
        except BrokenFileError as error:
            reading.broken[number] = str(error)
        progress.advance(path.stat().st_size if path.is_file() else 0)
    rows = connection.execute("SELECT count(*) FROM requests").fetchall()
    if not rows[0][0]:
        bad = connection.execute("SELECT line, text FROM bad ORDER BY file, line").fetchmany(1)
        shown = f"; line {bad[0][0]} is {bad[0][1][:120]!r}" if bad else ""
        why = "; ".join(reading.broken.values())
        raise InputError(
            f"{wish.files[0]}: no line is a request of the form {wish.form.form}{shown}. Say what "
            f"the log is like with --form or a mapping. {why}".rstrip()
        )
    return reading


def _read_file(
    connection: duckdb.DuckDBPyConnection, form: LogForm, number: int, path: Path, reading: _Reading
) -> None:
    read = None
    for block in iter_blocks(path):
        reading.lines[number] = block.first + len(block.ends) - 1
        rest = block
        if read is None:
            try:
                here = header_of(form, block)
            except InputError as error:
                raise InputError(f"{path}: {error}") from error
            read = make_reader(connection, here)
            if form.form is Form.CSV and not form.header:
                rest = _after_header(block)
        if len(rest.ends):
            read(number, rest)


def _after_header(block: Block) -> Block:
    end = int(block.ends[0])
    return Block(block.first + 1, block.data[end:], block.ends[1:] - np.int32(end), block.too_long)


def _people(connection: duckdb.DuckDBPyConnection, reached: Reached) -> NDArray[np.bool_]:
    """Which followed accounts may be people, as far as is known before."""
    found = connection.execute(
        "SELECT account FROM accounts WHERE media >= $least "
        "AND account NOT IN (SELECT account FROM robots)",
        {"least": _LEARNED_FROM},
    ).fetchnumpy()["account"]
    return np.isin(reached.accounts, np.asarray(found, np.int64))


def _told(reached: Reached, judged: Judged) -> NDArray[np.int64]:
    return reached.accounts[judged.evidence >= Policy().redirect]


def _files(
    connection: duckdb.DuckDBPyConnection, wish: Wish, reading: _Reading
) -> tuple[ReadFile, ...]:
    def count(table: str) -> dict[int, int]:
        sql = f"SELECT file, count(*) FROM {table} GROUP BY file"
        return dict(connection.execute(sql).fetchall())

    requests, bad = count("requests"), count("bad")
    return tuple(
        ReadFile(str(path), reading.lines[n], requests.get(n, 0), bad.get(n, 0),
                 reading.broken.get(n, ""))
        for n, path in enumerate(wish.files)
    )  # fmt: skip


def _by_measure(evidence: NDArray[np.float64]) -> dict[str, int]:
    """How many accounts got to the sum of each measure; those that want two layers left out."""
    policy = Policy()
    ladder = (("observe", policy.observe), ("redirect", policy.redirect), ("slow", policy.slow),
              ("degrade", policy.degrade))  # fmt: skip
    return {name: int((evidence >= least - 1e-9).sum()) for name, least in ladder}


def _levels_in_words(judged: Judged, tables: Tables) -> str:
    shipped = f"levels of the tables {tables.version} ({tables.learned.data})"
    if not judged.people:
        return shipped
    return f"the higher of {shipped} and those of {judged.people:,} accounts of this log"


def _notes(connection: duckdb.DuckDBPyConnection, wish: Wish, judged: Judged) -> Sequence[str]:
    found = []
    if wish.items is None:
        found.append("ranks are estimated from this log: by how many accounts asked for an item")
    if wish.items is None and wish.catalogue is None:
        found.append("the catalogue is taken to be what was asked for; --catalogue says its size")
    named = connection.execute("SELECT count(artist) FROM requests").fetchall()
    if wish.items is None and not named[0][0]:
        found.append("artists are not known: runs of 16 neighbouring ids stand for them")
    if wish.own_levels and not judged.people:
        found.append("too few accounts to find levels in this log: those of the tables hold alone")
    return found


def _at(t: float | None) -> datetime | None:
    return None if t is None else datetime.fromtimestamp(t, UTC)


__all__ = ["Wish", "analyse_logs"]

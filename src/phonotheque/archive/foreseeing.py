"""`rights next` and `rights review`: what becomes free, and where somebody has to look."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from phonotheque.archive.arguing import AT_HOME
from phonotheque.archive.build import build_inputs
from phonotheque.archive.policy import archive_policy
from phonotheque.archive.verdict_tables import BATCH_ROWS, Verdicts, insert_batches
from phonotheque.archive.withdrawals import read_withdrawals
from phonotheque.catalogue import (
    SIGNED,
    current_build,
    open_build,
    parse_signature,
    signatures_from_imports,
)
from phonotheque.engine import LocalEngine
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.errors import NotFoundError
from phonotheque.model.numbers import IdKey, Kind, format_public_ids
from phonotheque.model.rights import Level, Use
from phonotheque.rights import Policy, explain_verdict, facts_of, jurisdiction_of
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree

MEMORY = "2GB"
_NUMBERS = pa.schema([pa.field("number", pa.int64())])


class LayerNext(msgspec.Struct, frozen=True, kw_only=True):
    """Terms of one layer that end in one territory: for sure, or perhaps (the years are not known
    well enough, only one witness states them, or a rule is uncertain). `listens`: to both.
    """

    territory: str
    layer: str
    free: int
    perhaps: int
    listens: int


class VerdictNext(msgspec.Struct, frozen=True, kw_only=True):
    """Recordings of which a verdict rises on the day: so that it allows, or to REVIEW at least.
    `territory` is a code or "world"; `listens` are those to both.
    """

    territory: str
    use: str
    allowed: int
    to_review: int
    listens: int


class NextReport(msgspec.Struct, frozen=True, kw_only=True):
    """What changes on a 1 January. `listed`: lines written to the file that was asked for."""

    on: date
    recordings: int  # of which anything is stated
    layers: list[LayerNext]
    verdicts: list[VerdictNext]
    listed: int


class ReviewItem(msgspec.Struct, frozen=True, kw_only=True):
    """One recording that somebody has to look at, why, and what would change the verdict."""

    recording: str  # public id
    title: str
    artist_credit: str
    listens: int
    reasons: list[str]
    changes: list[str]


class ReviewReport(msgspec.Struct, frozen=True, kw_only=True):
    """The first of `recordings` in the order of listens."""

    use: str
    territories: list[str]
    on: date
    recordings: int
    listens: int
    items: list[ReviewItem]


class _Open:
    """An archive's current build with `signed`, `signatures` and `withdrawn_now` beside it."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, settings: ArchiveSettings, policy: Policy
    ) -> None:
        self.cursor = cursor
        self.settings = settings
        self.policy = policy
        self.verdicts = Verdicts(cursor, parse_signature, policy)

    def public_ids(self, numbers: list[int]) -> list[str]:
        """The ids of recordings."""
        key = IdKey(bytes.fromhex(self.settings.id_key))
        return format_public_ids(numbers, key, Kind.RECORDING) if numbers else []


def next_year(
    tree: Tree, year: int, *, target: Path | None = None, memory: str = MEMORY
) -> NextReport:
    """What becomes free on 1 January of `year`, in each territory of the archive's world set.

    With `target`, the recordings are listed there as CSV, most listened first. Reads every import;
    writes to a temporary directory. Memory: `memory` twice, and batches of rows.

    Raises:
        NotFoundError: no archive, or no build in it.
    """
    after = date(year, 1, 1)
    with _opened(tree, memory) as opened:
        world = opened.policy.territories
        layers: list[LayerNext] = []
        verdicts = [*_risen(opened, "world", world, after)]
        opened.cursor.execute(
            "CREATE TABLE ended (recording BIGINT, territory VARCHAR, layer VARCHAR, free BOOLEAN)"
        )
        for territory in world:
            layers += _ending(opened, territory, after)
            verdicts += _risen(opened, territory, [territory], after)
        listed = _list(opened, target) if target else 0
        ((count,),) = opened.cursor.execute("SELECT count(*) FROM signed").fetchall()
    return NextReport(on=after, recordings=count, layers=layers, verdicts=verdicts, listed=listed)


def work_list(
    tree: Tree,
    on: date,
    *,
    use: Use = Use.STREAM,
    territories: Sequence[str] = (),
    limit: int = 50,
    memory: str = MEMORY,
) -> ReviewReport:
    """Recordings whose verdict on `use` is REVIEW in `territories`, by listens.

    Without `territories`, uses AT_HOME are decided for the publisher's country, others for the
    world set.

    Raises:
        NotFoundError: no archive, or no build in it.
        InputError: a territory is no code of two letters.
    """
    with _opened(tree, memory) as opened:
        home, world = [opened.settings.seat], list(opened.policy.territories)
        asked = list(territories) or (home if use in AT_HOME else world)
        opened.verdicts.decide("asked", asked, on)
        at = 3 * tuple(Use).index(use)
        opened.cursor.execute(
            "CREATE TABLE doubtful AS SELECT s.recording, s.signature, "
            "coalesce(st.listens, 0) AS listens FROM signed s "
            "JOIN asked v ON v.signature = s.signature "
            "LEFT JOIN standing st ON st.number = s.recording "
            f"WHERE bit_count((v.mask >> {at}) & 7) = {int(Level.REVIEW)} "
            "AND s.recording NOT IN (SELECT number FROM withdrawn_now)"
        )
        ((count, listens),) = opened.cursor.execute(
            "SELECT count(*), coalesce(sum(listens), 0)::BIGINT FROM doubtful"
        ).fetchall()
        rows = opened.cursor.execute(
            "SELECT d.recording, r.title, r.artist_credit, d.listens, t.text FROM (FROM doubtful "
            f"ORDER BY listens DESC, recording LIMIT {int(limit)}) d "
            "JOIN recordings r ON r.number = d.recording JOIN signatures t USING (signature) "
            "ORDER BY d.listens DESC, d.recording"
        ).fetchall()
        items = _items(opened, rows, use, asked, on)
    return ReviewReport(
        use=use.value, territories=asked, on=on, recordings=count, listens=listens, items=items
    )


def _items(
    opened: _Open, rows: Sequence[Any], use: Use, territories: Sequence[str], on: date
) -> list[ReviewItem]:
    """Rows (number, title, artist credit, listens, signature), each with its argument."""
    items = []
    ids = opened.public_ids([row[0] for row in rows])
    for public_id, (_, title, credit, heard, text) in zip(ids, rows, strict=True):
        view = explain_verdict(facts_of(parse_signature(text)), territories, on, use, opened.policy)
        items.append(
            ReviewItem(
                recording=public_id, title=title, artist_credit=credit, listens=heard,
                reasons=view.reasons, changes=view.changes,
            )
        )  # fmt: skip
    return items


@contextmanager
def _opened(tree: Tree, memory: str) -> Iterator[_Open]:
    settings = read_settings(tree)
    current = current_build(tree)
    if current is None:
        raise NotFoundError(f"{tree.root}: no catalogue yet; run `phonotheque build` first")
    manifest, directory = current
    policy = archive_policy(settings)
    with TemporaryDirectory(prefix="phonotheque-rights-") as folder:
        reader = open_build(directory, manifest)
        engine = LocalEngine(Path(folder) / "engine", memory=memory)
        try:
            cursor = reader.cursor()
            cursor.execute(f"SET memory_limit = '{memory}'")
            cursor.execute("SET preserve_insertion_order = false")
            inputs = build_inputs(tree, settings, manifest)
            batches = signatures_from_imports(engine, inputs, manifest, directory)
            _sign(cursor, batches)
            gone = [w.recording for w in read_withdrawals(tree)]
            withdrawn = pa.RecordBatch.from_pydict({"number": gone}, schema=_NUMBERS)
            insert_batches(cursor, "withdrawn_now", _NUMBERS, iter([withdrawn]))
            yield _Open(cursor, settings, policy)
        finally:
            engine.close()
            reader.close()


def _sign(cursor: duckdb.DuckDBPyConnection, batches: Iterator[pa.RecordBatch]) -> None:
    """The tables `signatures` (each text once) and `signed` (recording, signature)."""
    insert_batches(cursor, "said", SIGNED, batches)
    cursor.execute(
        "CREATE TABLE signatures AS SELECT row_number() OVER () AS signature, text "
        "FROM (SELECT DISTINCT signature AS text FROM said)"
    )
    cursor.execute(
        "CREATE TABLE signed AS SELECT i.recording, s.signature "
        "FROM said i JOIN signatures s ON s.text = i.signature"
    )
    cursor.execute("DROP TABLE said")


def _ending(opened: _Open, territory: str, after: date) -> Iterator[LayerNext]:
    """Terms that end on the day before `after`, by layer; they are noted in `ended`."""
    code = jurisdiction_of(territory)
    opened.verdicts.end_terms("ending", code, after)
    opened.cursor.execute(
        "INSERT INTO ended SELECT s.recording, ?, e.layer, e.free FROM ending e "
        "JOIN signed s USING (signature) "
        "WHERE s.recording NOT IN (SELECT number FROM withdrawn_now)",
        [territory],
    )
    found = opened.cursor.execute(
        "SELECT e.layer, count(*) FILTER (e.free), count(*) FILTER (NOT e.free), "
        "coalesce(sum(st.listens), 0)::BIGINT FROM ended e "
        "LEFT JOIN standing st ON st.number = e.recording WHERE e.territory = ? "
        "GROUP BY e.layer ORDER BY e.layer",
        [territory],
    ).fetchall()
    for layer, free, perhaps, listens in found:
        yield LayerNext(
            territory=territory, layer=layer, free=free, perhaps=perhaps, listens=listens
        )


def _risen(
    opened: _Open, name: str, territories: Sequence[str], after: date
) -> Iterator[VerdictNext]:
    opened.verdicts.decide("day_before", territories, after - timedelta(days=1))
    opened.verdicts.decide("day_after", territories, after)
    for use in (Use.HOLD, Use.STREAM, Use.DISTRIBUTE):
        at = 3 * tuple(Use).index(use)
        allows = f"(a.mask >> {at}) & {1 << int(Level.ALLOW_IF) - 1}"
        ((allowed, to_review, listens),) = opened.cursor.execute(
            f"SELECT count(*) FILTER ({allows} <> 0), "
            f"count(*) FILTER ({allows} = 0), coalesce(sum(st.listens), 0)::BIGINT FROM signed s "
            "JOIN day_before b ON b.signature = s.signature "
            "JOIN day_after a ON a.signature = s.signature "
            "LEFT JOIN standing st ON st.number = s.recording "
            f"WHERE (a.mask >> {at}) & 7 > (b.mask >> {at}) & 7 "
            "AND s.recording NOT IN (SELECT number FROM withdrawn_now)"
        ).fetchall()
        if allowed or to_review:
            yield VerdictNext(
                territory=name, use=use.value, allowed=allowed, to_review=to_review, listens=listens
            )


def _list(opened: _Open, target: Path) -> int:
    """Write what `ended` holds to `target`; the number of lines."""
    rows = opened.cursor.cursor().execute(
        "SELECT e.recording, r.title, r.artist_credit, coalesce(st.listens, 0) AS listens, "
        "e.territory, e.layer, e.free FROM ended e JOIN recordings r ON r.number = e.recording "
        "LEFT JOIN standing st ON st.number = e.recording "
        "ORDER BY listens DESC, e.recording, e.territory, e.layer"
    )
    written = 0
    with target.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream, lineterminator="\n")
        out.writerow(
            ["recording", "title", "artist_credit", "listens", "territory", "layer", "free"]
        )
        while batch := rows.fetchmany(BATCH_ROWS):
            ids = opened.public_ids([row[0] for row in batch])
            for public_id, (_, *told, free) in zip(ids, batch, strict=True):
                out.writerow([public_id, *told, "yes" if free else "perhaps"])
            written += len(batch)
    return written

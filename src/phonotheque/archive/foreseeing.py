"""`rights next` and `rights review`: what becomes free, and where somebody has to look."""

import csv
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec

from phonotheque.archive.arguing import AT_HOME
from phonotheque.archive.stated_sets import MEMORY, StatedSets, open_stated_sets
from phonotheque.archive.term_tables import BATCH_ROWS, DATED_SETS, PARTS, end_terms
from phonotheque.archive.verdict_tables import Asked
from phonotheque.catalogue import parse_signature
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.numbers import IdKey, Kind, format_public_ids
from phonotheque.model.rights import Level, Use
from phonotheque.rights import YEAR_PARTS, Policy, explain_verdict, facts_of
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree


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
    with open_stated_sets(tree, memory) as sets:
        return foresee(sets, after, target, _key_of(read_settings(tree)))


def foresee(
    sets: StatedSets, after: date, target: Path | None = None, key: IdKey | None = None
) -> NextReport:
    """As `next_year`, of sets that are open; `after` is a 1 January. `key` is that of the archive's
    ids, for `target`.
    """
    world = list(dict.fromkeys(sets.policy.territories))
    days = (after - timedelta(days=1), after)
    sets.verdicts.decide("risen", [Asked((where,), day) for day in days for where in world])
    befores, nows = ([f"mask_{at + n}" for n in range(len(world))] for at in (0, len(world)))
    verdicts = [*_risen(sets, "world", befores, nows)]
    for territory, before, now in zip(world, befores, nows, strict=True):
        verdicts += _risen(sets, territory, [before], [now])
    end_terms(sets.cursor, "ended", world, after)
    layers = [*_ending(sets, world)]
    listed = _list(sets, target, key) if target and key else 0
    return NextReport(
        on=after, recordings=sets.recordings, layers=layers, verdicts=verdicts, listed=listed
    )


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
    settings = read_settings(tree)
    home, world = (settings.seat,), tuple(settings.rights.territories)
    where = tuple(territories) or (home if use in AT_HOME else world)
    with open_stated_sets(tree, memory) as sets:
        return list_work(sets, use, Asked(where, on), _key_of(settings), limit)


def list_work(
    sets: StatedSets, use: Use, asked: Asked, key: IdKey, limit: int = 50
) -> ReviewReport:
    """As `work_list`, of sets that are open; `key` is that of the archive's ids."""
    sets.verdicts.decide("asked", [asked])
    review = f"bit_count((v.mask_0 >> {3 * tuple(Use).index(use)}) & 7) = {int(Level.REVIEW)}"
    ((count, listens),) = sets.cursor.execute(
        "SELECT coalesce(sum(recordings), 0)::BIGINT, coalesce(sum(listens), 0)::BIGINT "
        f"FROM asked v WHERE {review}"
    ).fetchall()
    rows = _first_of(sets, review, limit)
    ids = _public_ids([row[0] for row in rows], key)
    items = [_item(one, row, use, asked, sets.policy) for one, row in zip(ids, rows, strict=True)]
    return ReviewReport(
        use=use.value, territories=list(asked.territories), on=asked.on, recordings=count,
        listens=listens, items=items,
    )  # fmt: skip


def _first_of(sets: StatedSets, review: str, limit: int) -> list[Any]:
    """The recordings of classes in `asked` for which `review` holds, most listened first: number,
    title, artist credit, listens and the parts of the signature."""
    run = sets.cursor.execute
    run("CREATE OR REPLACE TABLE first AS SELECT c.*, 0::BIGINT AS listens FROM signed c LIMIT 0")
    order = f"ORDER BY listens DESC, recording LIMIT {int(limit)}"
    for table, within in sets.ranges:
        run(
            "INSERT INTO first SELECT c.*, coalesce(st.listens, 0) AS listens "
            f"FROM {sets.verdicts.members('asked', table)} LEFT JOIN (SELECT number, listens "
            f"FROM standing WHERE {within}) st ON st.number = c.recording WHERE {review} {order}"
        )
        run(f"CREATE OR REPLACE TABLE first AS FROM first {order}")
    texts = ", ".join(f"{part}.text" for part in PARTS)
    joins = " ".join(f"JOIN parts_{part} {part} ON {part}.part = f.{part}" for part in PARTS)
    rows: list[Any] = run(
        f"SELECT f.recording, r.title, r.artist_credit, f.listens, [{texts}] FROM first f "
        f"JOIN recordings r ON r.number = f.recording {joins} ORDER BY f.listens DESC, f.recording"
    ).fetchall()
    return rows


def _item(public_id: str, row: Any, use: Use, asked: Asked, policy: Policy) -> ReviewItem:
    """A row (number, title, artist credit, listens, parts of the signature) with its argument."""
    _, title, credit, heard, texts = row
    facts = facts_of(item for text in texts for item in parse_signature(text))
    view = explain_verdict(facts, asked.territories, asked.on, use, policy)
    return ReviewItem(
        recording=public_id, title=title, artist_credit=credit, listens=heard,
        reasons=view.reasons, changes=view.changes,
    )  # fmt: skip


def _key_of(settings: ArchiveSettings) -> IdKey:
    return IdKey(bytes.fromhex(settings.id_key))


def _public_ids(numbers: list[int], key: IdKey) -> list[str]:
    return format_public_ids(numbers, key, Kind.RECORDING) if numbers else []


def _ending(sets: StatedSets, territories: Sequence[str]) -> Iterator[LayerNext]:
    """Terms that end, of the tables that `end_terms` made, by territory and layer."""
    ended = " UNION ALL ".join(f"FROM ended_{part}" for part in YEAR_PARTS)
    found = sets.cursor.execute(
        "SELECT territory, layer, coalesce(sum(recordings) FILTER (free), 0)::BIGINT, "
        "coalesce(sum(recordings) FILTER (NOT free), 0)::BIGINT, sum(listens)::BIGINT "
        f"FROM ({ended}) GROUP BY territory, layer ORDER BY layer"
    ).fetchall()
    for territory, layer, free, perhaps, listens in sorted(
        found, key=lambda row: territories.index(row[0])
    ):
        yield LayerNext(
            territory=territory, layer=layer, free=free, perhaps=perhaps, listens=listens
        )


def _risen(
    sets: StatedSets, name: str, befores: Sequence[str], nows: Sequence[str]
) -> Iterator[VerdictNext]:
    """Recordings whose verdict in all of some places rises from the masks `befores` to `nows`."""
    before, now = " & ".join(befores), " & ".join(nows)
    for use in (Use.HOLD, Use.STREAM, Use.DISTRIBUTE):
        at = 3 * tuple(Use).index(use)
        allows = f"(({now}) >> {at}) & {1 << int(Level.ALLOW_IF) - 1}"
        ((allowed, to_review, listens),) = sets.cursor.execute(
            f"SELECT coalesce(sum(recordings) FILTER ({allows} <> 0), 0)::BIGINT, "
            f"coalesce(sum(recordings) FILTER ({allows} = 0), 0)::BIGINT, "
            "coalesce(sum(listens), 0)::BIGINT FROM risen "
            f"WHERE (({now}) >> {at}) & 7 > (({before}) >> {at}) & 7"
        ).fetchall()
        if allowed or to_review:
            yield VerdictNext(
                territory=name, use=use.value, allowed=allowed, to_review=to_review, listens=listens
            )


def _list(sets: StatedSets, target: Path, key: IdKey) -> int:
    """Write the recordings whose terms end to `target`; the number of lines."""
    run = sets.cursor.execute
    run(
        "CREATE OR REPLACE TABLE listed (recording BIGINT, title VARCHAR, artist_credit VARCHAR, "
        "listens BIGINT, territory VARCHAR, layer VARCHAR, free BOOLEAN)"
    )
    for table, within in sets.ranges:
        ended = " UNION ALL ".join(
            f"SELECT d.recording, e.territory, e.layer, e.free FROM ended_{part} e "
            f"JOIN (SELECT c.* FROM {DATED_SETS.format(table)}) d ON d.{part} = e.part"
            for part in YEAR_PARTS
        )
        run(
            "INSERT INTO listed SELECT e.recording, r.title, r.artist_credit, "
            f"coalesce(st.listens, 0), e.territory, e.layer, e.free FROM ({ended}) e "
            f"JOIN (FROM recordings WHERE {within}) r ON r.number = e.recording "
            f"LEFT JOIN (FROM standing WHERE {within}) st ON st.number = e.recording"
        )
    rows = sets.cursor.cursor().execute(
        "FROM listed ORDER BY listens DESC, recording, territory, layer"
    )
    written = 0
    with target.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream, lineterminator="\n")
        out.writerow(
            ["recording", "title", "artist_credit", "listens", "territory", "layer", "free"]
        )
        while batch := rows.fetchmany(BATCH_ROWS):
            ids = _public_ids([row[0] for row in batch], key)
            for public_id, (_, *told, free) in zip(ids, batch, strict=True):
                out.writerow([public_id, *told, "yes" if free else "perhaps"])
            written += len(batch)
    return written

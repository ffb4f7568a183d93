"""The made-up catalogue with the planted items, and what is known of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from bench.editions import write_edition
from bench.engines import Workshop
from bench.known_items import Item, read_items
from bench.peer_texts import open_tables
from bench.questions import MOST_SHARED, Collection
from phonotheque.model.edition import EditionManifest
from phonotheque.model.text import normalise
from phonotheque.storage.documents import read_document

DATA_VARIABLE = "PHONOTHEQUE_BENCH_DATA"


def ensure_planted(workshop: Workshop, documents: int, data: str) -> Collection:
    """Write the edition where it is missing; the items with their numbers."""
    items = read_items(Path(data) if data else None)
    if not (workshop.edition / "edition.json").exists():
        write_edition(workshop.edition, documents, items)
    total = counts(workshop)[0]
    first = total - len(items) + 1
    return collect(workshop.edition, {first + i: item for i, item in enumerate(items)})


def sample_items(workshop: Workshop, count: int) -> Collection:
    """`count` recordings of whatever edition there is, drawn evenly, in the place of items."""
    with open_tables(workshop.edition) as connection:
        rows = connection.execute(
            "SELECT number, title, artist_credit, first_release_year FROM recordings "
            f"USING SAMPLE reservoir({count} ROWS) REPEATABLE (7)"
        ).fetchall()
    items = {row[0]: Item(row[1], row[2], None, row[3], "edition") for row in rows}
    return Collection(items, dict.fromkeys(items, 0), _titles_of(items))


def counts(workshop: Workshop) -> tuple[int, int]:
    """Recordings and tracks of the edition."""
    found = read_document(workshop.edition / "edition.json", EditionManifest).counts
    return found.recordings, found.tracks


def collect(edition: Path, items: Mapping[int, Item]) -> Collection:
    """Listens of the items, and who else has their titles (up to a few each)."""
    wanted = pa.table({"number": pa.array(list(items), pa.int64()),
                       "title": [item.title for item in items.values()]})  # fmt: skip
    with open_tables(edition) as connection:
        connection.register("wanted", wanted)
        listens = dict(
            connection.sql(
                "SELECT number, listens FROM standing SEMI JOIN wanted USING (number)"
            ).fetchall()
        )
        rows = connection.sql(
            f"SELECT said, min(rank, {MOST_SHARED + 1}), min_by(number, rank, {MOST_SHARED + 1}) "
            "FROM (SELECT strip_accents(lower(title)) AS said, number FROM recordings) r "
            "JOIN standing USING (number) "
            "WHERE said IN (SELECT strip_accents(lower(title)) FROM wanted) GROUP BY said"
        ).fetchall()
    alike = {said: (ranks, numbers) for said, ranks, numbers in rows}
    ranked: dict[str, list[tuple[int, int]]] = {}
    for said, (ranks, numbers) in alike.items():
        ranked.setdefault(normalise(said), []).extend(zip(ranks, numbers, strict=True))
    titled = {said: [n for _, n in sorted(pairs)] for said, pairs in ranked.items()}
    return Collection(items, listens, {**_titles_of(items), **titled})


def _titles_of(items: Mapping[int, Item]) -> dict[str, Sequence[int]]:
    found: dict[str, list[int]] = {}
    for number, item in items.items():
        found.setdefault(normalise(item.title), []).append(number)
    return dict(found)

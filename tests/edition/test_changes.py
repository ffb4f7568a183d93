"""What changed between two catalogues, read from the shards that differ."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from phonotheque.edition import Catalogue, iter_changes
from phonotheque.model import tables
from phonotheque.model.edition import ShardFile
from phonotheque.storage.tables import write_table


def artist(number: int, name: str) -> dict[str, Any]:
    return {"number": number, "key": f"name:{name.lower()}", "name": name, "aliases": []}


def shard(
    root: Path, rows: list[dict[str, Any]], *, number: int = 0, layer: str = "base",
    table: str = "artists", schema: pa.Schema = tables.ARTISTS,
) -> ShardFile:  # fmt: skip
    path = root / f"{table}-{number}-{layer}.parquet"
    write_table(path, schema, [pa.Table.from_pylist(rows, schema=schema)])
    content = path.read_bytes()
    return ShardFile(
        table=table, shard=number, layer=layer, path=path.name, rows=len(rows),
        bytes=len(content), sha256=sha256(content).hexdigest(),
    )  # fmt: skip


def changes(old: Catalogue | None, new: Catalogue, *gone: int) -> list[tuple[str, int, str]]:
    batches = list(iter_changes(old, new, gone, new.root / "spill"))
    assert all(batch.schema.equals(tables.CHANGES) for batch in batches)
    rows = [row for batch in batches for row in batch.to_pylist()]
    return [(row["kind"], row["number"], row["change"]) for row in rows]


def test_without_an_edition_before_everything_is_added(tmp_path: Path) -> None:
    new = Catalogue(tmp_path, [shard(tmp_path, [artist(1, "A"), artist(2, "B")])])
    assert changes(None, new) == [("a", 1, "added"), ("a", 2, "added")]


def test_an_overlay_changes_and_adds_and_an_equal_row_is_no_change(tmp_path: Path) -> None:
    base = shard(tmp_path, [artist(1, "A"), artist(2, "B"), artist(3, "C")])
    over = shard(tmp_path, [artist(2, "Bee"), artist(3, "C"), artist(4, "D")], layer="overlay")
    old, new = Catalogue(tmp_path, [base]), Catalogue(tmp_path, [base, over])
    assert changes(old, new) == [("a", 2, "changed"), ("a", 4, "added")]


def test_a_compacted_shard_is_no_change(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    base = shard(tmp_path, [artist(1, "A"), artist(2, "B")])
    over = shard(tmp_path, [artist(2, "Bee")], layer="overlay")
    whole = shard(tmp_path / "new", [artist(1, "A"), artist(2, "Bee")])
    assert changes(Catalogue(tmp_path, [base, over]), Catalogue(tmp_path / "new", [whole])) == []


def test_a_number_that_became_another_is_merged(tmp_path: Path) -> None:
    base = shard(tmp_path, [artist(1, "A"), artist(2, "B")])
    redirects = shard(
        tmp_path, [{"kind": "a", "old": 2, "new": 1}], table="redirects", schema=tables.REDIRECTS
    )
    assert changes(Catalogue(tmp_path, [base]), Catalogue(tmp_path, [base, redirects])) == [
        ("a", 2, "merged")
    ]


def test_only_shards_whose_files_differ_are_read(tmp_path: Path) -> None:
    same = shard(tmp_path, [artist(1, "A")])
    (tmp_path / same.path).write_bytes(b"not Parquet: reading it would fail")
    added = shard(tmp_path, [artist(100, "Z")], number=1)
    old, new = Catalogue(tmp_path, [same]), Catalogue(tmp_path, [same, added])
    assert changes(old, new) == [("a", 100, "added")]


def test_shards_and_what_is_gone_follow_each_other_by_number(tmp_path: Path) -> None:
    shards = [shard(tmp_path, [artist(n * 10, "A")], number=n) for n in (3, 1, 2)]
    redirects = shard(
        tmp_path,
        [{"kind": "a", "old": old, "new": 0} for old in (35, 5, 15, 20)],
        table="redirects",
        schema=tables.REDIRECTS,
    )
    new = Catalogue(tmp_path, [*shards, redirects])
    assert changes(None, new) == [
        ("a", 5, "gone"),
        ("a", 10, "added"),
        ("a", 15, "gone"),
        ("a", 20, "gone"),
        ("a", 30, "added"),
        ("a", 35, "gone"),
    ]


def test_a_withdrawn_recording_is_said_once(tmp_path: Path) -> None:
    new = Catalogue(tmp_path, [])
    assert changes(new, new, 7) == [("r", 7, "withdrawn")]


def test_a_number_that_names_nothing_any_more_is_gone_and_added_when_it_comes_back(
    tmp_path: Path,
) -> None:
    base = shard(tmp_path, [artist(1, "A"), artist(2, "B")])
    redirects = shard(
        tmp_path, [{"kind": "a", "old": 2, "new": 0}], table="redirects", schema=tables.REDIRECTS
    )
    all_there, one_gone = Catalogue(tmp_path, [base]), Catalogue(tmp_path, [base, redirects])
    assert changes(all_there, one_gone) == [("a", 2, "gone")]
    assert changes(one_gone, all_there) == [("a", 2, "added")]

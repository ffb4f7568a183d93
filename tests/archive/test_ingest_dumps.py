"""Dumps: what a later one lacks is gone, whatever is asked beforehand, and who reads them."""

import gzip
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from phonotheque.archive import estimate_ingest, execute_ingest, ingest, plan_ingest
from phonotheque.model.errors import InputError, UsageError
from phonotheque.model.progress import Silent
from phonotheque.model.tables import GONE, GROUP_ROWS, ROWS
from phonotheque.sources import READERS, ImportRef, iter_imports, parts, watched
from phonotheque.sources.intake import SCHEMAS
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import check_schema
from tests.archive.test_ingest import new_archive
from tests.support.clock import NOW


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return new_archive(tmp_path / "archive")


def run(tree: Tree, *paths: Path, **options):
    options = {"source": "s", "kind": "auto", "now": NOW} | options
    return execute_ingest(tree, plan_ingest(tree, paths, **options), NOW, Silent())


def table(path: Path, *rows: str, columns: str = "source_key,title,artist_credit") -> Path:
    path.write_text("\n".join([columns, *rows]) + "\n")
    return path


def newest(tree: Tree) -> ImportRef:
    return list(iter_imports(tree))[-1]


def keys(paths: tuple[Path, ...]) -> list[str]:
    return [key for path in paths for key in pq.read_table(path)["source_key"].to_pylist()]


def test_what_a_later_dump_lacks_is_gone_and_may_come_back(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    run(tree, table(path, "a,A,X", "b,B,X", "c,C,X"), replace=True)
    second = run(tree, table(path, "b,B,X", "c,C2,X", "d,D,X"), replace=True)
    assert (second.rows_kept, second.rows_unchanged, second.rows_gone) == (2, 1, 1)
    ref = newest(tree)
    assert (sorted(keys(ref.paths)), keys(ref.gone)) == (["c", "d"], ["a"])
    check_schema(ref.gone[0], GONE)
    third = run(tree, table(path, "a,A,X", "b,B,X", "c,C2,X", "d,D,X"), replace=True)
    assert (third.rows_kept, third.rows_gone) == (1, 0)
    assert keys(newest(tree).paths) == ["a"]
    assert run(tree, path, replace=True).nothing_new == ["s"]


def test_a_dump_in_which_rows_are_only_missing_is_an_import_of_what_is_gone(
    tree: Tree, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    run(tree, table(path, "a,A,X", "b,B,X"))
    report = run(tree, table(path, "b,B,X"), replace=True)
    assert (report.rows_kept, report.rows_gone) == (0, 1)
    assert (newest(tree).paths, keys(newest(tree).gone)) == ((), ["a"])


def test_what_is_added_takes_nothing_away(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    run(tree, table(path, "a,A,X"), replace=True)
    report = run(tree, table(path, "b,B,X"), replace=False)
    assert (report.rows_gone, newest(tree).gone) == (0, ())


@pytest.mark.parametrize("empty", [True, False])
def test_a_dump_that_breaks_off_or_is_empty_takes_nothing_away(
    tree: Tree, tmp_path: Path, empty: bool
) -> None:
    path = table(tmp_path / "rows.csv", *(f"{n},T{n},X" for n in range(9_000)))
    run(tree, path, replace=True)
    whole = gzip.compress(path.read_bytes())
    later = tmp_path / "later.csv.gz"
    later.write_bytes(
        gzip.compress(b"source_key,title,artist_credit\n") if empty else whole[:-9000]
    )
    report = run(tree, later, replace=True)
    assert report.rows_gone == 0
    assert report.nothing_new == ["s"]


def test_the_name_of_the_file_makes_no_row_a_new_one(tree: Tree, tmp_path: Path) -> None:
    columns = "source_key,title,artist_credit,licence"
    run(tree, table(tmp_path / "may.csv", "a,A,X,CC0", columns=columns))
    report = run(tree, table(tmp_path / "june.csv", "a,A,X,CC0", columns=columns))
    assert report.nothing_new == ["s"]


def test_an_import_of_many_parts_is_ordered_by_bucket_within_each(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 50)
    monkeypatch.setattr(parts, "GROUP_ROWS", 16)
    run(tree, table(tmp_path / "rows.csv", *(f"{n},T{n},Artist {n % 40}" for n in range(170))))
    paths = newest(tree).paths
    read = [pq.read_table(path) for path in paths]
    assert [t.num_rows for t in read] == [50, 50, 50, 20]
    place = 0
    for part in read:
        rows = part.to_pylist()
        assert rows == sorted(rows, key=lambda row: (row["bucket"], row["origin_row"]))
        assert [row["place"] for row in rows] == list(range(place, place + len(rows)))
        place += len(rows)
    check_schema(paths[0], ROWS)
    assert pq.read_metadata(paths[0]).num_row_groups == 4


@pytest.mark.full
def test_worker_processes_make_the_same_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phonotheque.sources.records.BLOCK_ROWS", 1_000)
    rows = [f"{n},{'' if n % 50 == 0 else 'Ünd so'},A{n % 99},{n % 7 - 1}" for n in range(20_000)]
    path = table(tmp_path / "r.csv", *rows, columns="source_key,title,artist_credit,position")
    digests = []
    for name, large in (("one", 1 << 40), ("two", 1)):
        monkeypatch.setattr(ingest, "LARGE_BYTES", large)
        tree = new_archive(tmp_path / name)
        run(tree, path)
        place = tree.sources / "s/0001"
        digests.append([sha256(p.read_bytes()).hexdigest() for p in sorted(place.iterdir())])
    assert digests[0] == digests[1]


def test_a_dump_that_lacks_more_than_half_of_its_source_is_taken_for_another(
    tree: Tree, tmp_path: Path
) -> None:
    mapping = tmp_path / "map.toml"
    mapping.write_text(
        'source = "shop"\nkind = "rows"\nformat = "csv"\nreplaces = true\n[columns]\n'
        'source_key = "source_key"\ntitle = "title"\nartist_credit = "artist_credit"\n'
    )
    ours = table(tmp_path / "ours.csv", "a,A,X", "b,B,X", "c,C,X")
    theirs = table(tmp_path / "theirs.csv", "c,C,X", "d,D,Y", "e,E,Y")
    run(tree, ours, source=None, mapping=mapping)
    with pytest.raises(UsageError, match=r"2 of the 3 rows .* --replace; .* --source; --add"):
        run(tree, theirs, source=None, mapping=mapping)
    assert [ref.label for ref in iter_imports(tree)] == ["shop/0001"]
    report = run(tree, theirs, source=None, mapping=mapping, replace=True)
    assert (report.rows_gone, report.rows_kept) == (2, 2)


def test_one_source_may_have_rows_and_groups_but_listens_stand_apart(
    tree: Tree, tmp_path: Path
) -> None:
    mapping = tmp_path / "map.toml"
    mapping.write_text(
        'source = "shop"\nkind = "groups"\nformat = "csv"\nreplaces = true\n[columns]\n'
        'source_key = "id"\ntitle = "name"\nartist_credit = "by"\n'
    )
    groups = table(tmp_path / "g.csv", "1,Album,A", ",No,A", columns="id,name,by")
    report = run(tree, groups, source=None, mapping=mapping)
    run(tree, table(tmp_path / "rows.csv", "a,A,X"), source="shop")
    assert [(ref.label, ref.kind) for ref in iter_imports(tree)] == [
        ("shop/0001", "groups"),
        ("shop/0002", "rows"),
    ]
    check_schema(next(iter_imports(tree)).paths[0], GROUP_ROWS)
    assert (report.rows_read, report.rows_kept, report.rows_refused) == (2, 1, 1)
    assert run(tree, groups, source=None, mapping=mapping).nothing_new == ["shop"]
    with pytest.raises(UsageError, match="mapping"):
        run(tree, groups, mapping=mapping, kind="rows")


def test_every_reader_has_a_name_of_its_own_and_an_unknown_one_is_refused(
    tree: Tree, tmp_path: Path
) -> None:
    names = [reader.name for reader in READERS]
    assert len(set(names)) == len(names)
    assert all(reader.about and reader.kind in SCHEMAS for reader in READERS)
    with pytest.raises(UsageError, match="musicbrainz-release"):
        run(tree, table(tmp_path / "rows.csv", "a,A,X"), kind="nobody")


def test_an_estimate_of_a_small_input_is_exact_and_writes_nothing(
    tree: Tree, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv.gz"
    text = table(tmp_path / "t", *(f"{n},Title,Artist" for n in range(500))).read_bytes()
    path.write_bytes(gzip.compress(text))
    plan = plan_ingest(tree, [path], source=None, kind="auto", now=NOW)
    before = sorted(tree.root.rglob("*"))
    found = estimate_ingest(plan, NOW)
    (item,) = found.inputs
    assert (found.rows, item.exact, item.bytes) == (500, True, path.stat().st_size)
    assert item.compression_ratio is not None and item.compression_ratio > 2
    assert found.memory_bytes > 0 and found.disk_bytes > 0
    assert sorted(tree.root.rglob("*")) == before


def test_an_estimate_of_a_large_input_comes_near(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phonotheque.archive.estimate.SAMPLE_BYTES", 1)
    path = tmp_path / "rows.csv"
    table(path, *(f"{n:07d},Title {n:07d},Artist" for n in range(200_000)))
    plan = plan_ingest(tree, [path], source=None, kind="auto", now=NOW)
    found = estimate_ingest(plan, NOW)
    assert not found.inputs[0].exact
    assert 150_000 < found.rows < 250_000


def test_a_watched_file_is_hashed_as_it_is_read_and_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(range(256)) * 9_000)
    read, watch = watched(path)
    with read.open("rb") as file:
        file.read(100_000)
        file.seek(10)
        file.read(300_000)
    assert 300_000 <= watch.bytes <= path.stat().st_size
    assert watch.finish(path) == sha256(path.read_bytes()).hexdigest()
    assert watch.bytes == path.stat().st_size
    (tmp_path / "b").write_bytes(b"beside")
    assert (read.parent / "b").read_bytes() == b"beside"


def test_a_source_that_cannot_be_told_says_what_it_lacks(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="source_key"):
        run(tree, table(tmp_path / "rows.csv", "1,2", columns="a,b"))

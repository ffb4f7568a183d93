"""The row store says what the edition says, whoever wrote its parts and however often."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phonotheque.catalogue import open_edition
from phonotheque.model.errors import FormatError
from phonotheque.model.numbers import IdKey, Kind
from phonotheque.model.progress import Silent
from phonotheque.search import row_worker
from phonotheque.search.reading import EditionTables
from phonotheque.search.row_worker import write_rows
from phonotheque.search.row_writing import (
    RowPart,
    finish_rows,
    plan_row_parts,
    prepare_parts,
    write_row_part,
)
from phonotheque.search.rows import RowStore
from phonotheque.search.workers import Task
from tests.support.editions import ID_KEY, TinyRecording, write_tiny_edition

RECORDINGS = [
    TinyRecording("One", "Ann", release="First", isrcs=["USRC17607839", "GBAYE0601498"],
                  listens=7, position_text="A1", file=("v-2", "data/1.ogg", b"one")),
    TinyRecording("Two" * 40_000, "Ann", release="First", year=None, licence=None, tier=3),
    TinyRecording("Three", "Бob", release=None, duration_ms=None, flags=1 << 30),
    TinyRecording("Four", "Ann", release="Second"),
]  # fmt: skip


def rewrite(edition: Path, table: str, **columns: Sequence[object]) -> None:
    (path,) = (edition / "catalogue" / table).glob("*.parquet")
    held = pq.read_table(path)
    for name, values in columns.items():
        place = held.schema.get_field_index(name)
        field = held.schema.field(place)
        held = held.set_column(place, field, pa.array(values, field.type))
    pq.write_table(held, path)


@pytest.fixture
def edition(tmp_path: Path) -> Path:
    write_tiny_edition(tmp_path, RECORDINGS)
    folder = tmp_path / "editions/2026-11"
    rewrite(folder, "releases", country=["DE", None], label=["Label", None],
            barcode=["012345678905", None], genres=[["Jazz", "Folk"], None])  # fmt: skip
    rewrite(folder, "artists", key=["mbid:b1a9c0e9-d987-4042-ae91-78d6a3267d69", "name:b"],
            sort_name=["Ann, A.", None], aliases=[["Anna", "Änn"], []])  # fmt: skip
    rewrite(folder, "tracks", recording=[1, 2, 3, 1], title=[None, None, None, "One (live)"])
    return folder


def store(edition: Path, work: Path, **options: Any) -> RowStore:
    (work / "spill").mkdir(parents=True, exist_ok=True)
    reader = open_edition(edition)
    write_rows(reader, work, Silent(), 1 << 30, **options)
    reader.close()
    return RowStore(work / "rows", IdKey(bytes.fromhex(ID_KEY)))


def test_rows_say_what_the_edition_says(edition: Path, tmp_path: Path) -> None:
    rows = store(edition, tmp_path / "work")
    one, three, two, four = rows.recordings([1, 3, 2, 4, 5])
    assert (one.title, one.artist, one.artist_numbers, one.year) == ("One", "Ann", (1,), 2020)
    assert (one.isrcs, one.listens, one.rank, one.tier) == (
        ("USRC17607839", "GBAYE0601498"), 7, 1, 1)  # fmt: skip
    assert [(t.release, t.release_title, t.position, t.title, t.position_text)
            for t in one.tracks] == [
        (1, "First", 1, None, "A1"), (2, "Second", 4, "One (live)", None)]  # fmt: skip
    assert one.release_title == "First"
    assert one.file is not None
    assert (one.file.volume, one.file.path, one.file.bytes) == ("v-2", "data/1.ogg", 3)
    assert (two.title, two.year, two.licence, two.tier) == ("Two" * 40_000, None, None, 3)
    assert (three.artist, three.duration_ms, three.flags, three.file) == (
        "Бob",
        None,
        1 << 30,
        None,
    )
    assert [t.release for t in three.tracks] == [None]
    assert (four.tracks, four.release_title) == ((), None)
    release, bare = rows.releases([1, 2])
    assert (release.label, release.country, release.genres) == ("Label", "DE", ("Jazz", "Folk"))
    assert (release.barcode, bare.country, bare.genres) == ("012345678905", None, ())
    ann, bob = rows.artists([1, 2])
    assert (ann.sort_name, ann.aliases) == ("Ann, A.", ("Anna", "Änn"))
    assert ann.mbid == "b1a9c0e9-d987-4042-ae91-78d6a3267d69"
    assert (bob.name, bob.sort_name, bob.aliases, bob.mbid) == ("Бob", None, (), None)


@pytest.mark.full
def test_workers_write_what_one_process_does(edition: Path, tmp_path: Path) -> None:
    alone = store(edition, tmp_path / "alone")
    together = store(edition, tmp_path / "together", large_rows=0)
    assert together.recordings([1, 2, 3, 4]) == alone.recordings([1, 2, 3, 4])
    assert together.artists([1, 2]) == alone.artists([1, 2])
    assert sorted(p.name for p in (tmp_path / "together").iterdir()) == ["rows", "spill"]
    assert list((tmp_path / "together/spill").iterdir()) == []


def test_parts_cut_anywhere_make_the_same_rows(edition: Path, tmp_path: Path) -> None:
    (tmp_path / "cut/spill").mkdir(parents=True)
    reader = open_edition(edition)
    tables = EditionTables(reader, 1 << 28, tmp_path / "cut/spill")
    written = [
        write_row_part(tables, RowPart(Kind.RECORDING, n, n + 2), tmp_path / "cut/spill")
        for n in (1, 3)
    ]
    again = write_row_part(tables, RowPart(Kind.RECORDING, 1, 3), tmp_path / "cut/spill")
    assert (written, again) == ([2, 2], 0)
    for kind in (Kind.ARTIST, Kind.RELEASE):
        write_row_part(tables, RowPart(kind, 1, 3), tmp_path / "cut/spill")
    reader.close()
    finish_rows(tmp_path / "cut/spill", tmp_path / "cut/rows")
    cut = RowStore(tmp_path / "cut/rows", IdKey(bytes.fromhex(ID_KEY)))
    whole = store(edition, tmp_path / "whole")
    assert cut.recordings([4, 3, 2, 1]) == whole.recordings([4, 3, 2, 1])


def test_parts_read_what_was_laid_out_for_them(edition: Path, tmp_path: Path) -> None:
    spill = tmp_path / "cut/spill"
    (spill / "rows-owned-9").mkdir(parents=True)  # of another plan
    (spill / "rows-r-0000000000001-0000000000009.sst").write_bytes(b"of another plan")
    reader = open_edition(edition)
    tables = EditionTables(reader, 1 << 28, spill)
    parts = [RowPart(Kind.RECORDING, first, min(first + 3, 5), 3) for first in (1, 4)]
    prepare_parts(tables, parts, spill)
    for part in parts:
        write_row_part(tables, part, spill)
    reader.close()
    finish_rows(spill, tmp_path / "cut/rows")
    cut = RowStore(tmp_path / "cut/rows", IdKey(bytes.fromhex(ID_KEY)))
    whole = store(edition, tmp_path / "whole")
    assert cut.recordings([4, 3, 2, 1]) == whole.recordings([4, 3, 2, 1])
    assert list(spill.iterdir()) == []


def test_a_killed_build_of_rows_goes_on_after_its_last_part(edition: Path, tmp_path: Path) -> None:
    spill = tmp_path / "work/spill"
    (spill / "rows-links").mkdir(parents=True)  # killed while the store was made
    (tmp_path / "work/rows.partial").mkdir()
    reader = open_edition(edition)
    tables = EditionTables(reader, 1 << 28, spill)
    part = plan_row_parts(tables, 1 << 29)[0]
    write_row_part(tables, part, spill)
    (spill / "rows-d-0000000000001-0000000000003.partial").write_bytes(b"half a file")
    reader.close()
    rows = store(edition, tmp_path / "work")
    assert [row.name for row in rows.artists([1, 2])] == ["Ann", "Бob"]
    assert len(rows.recordings([1, 2, 3, 4])) == 4
    store(edition, tmp_path / "work")  # made already: nothing is done


def test_an_edition_that_a_worker_cannot_read_is_told(edition: Path, tmp_path: Path) -> None:
    reader = open_edition(edition)
    (tmp_path / "spill").mkdir()
    for path in (edition / "catalogue/releases").iterdir():
        path.rename(path.with_suffix(".away"))
    task = Task(str(edition), str(tmp_path / "spill"), 1 << 29)
    with pytest.raises(FormatError, match=r"parquet|worker"):
        row_worker._write_in_workers(task, [RowPart(Kind.RELEASE, 1, 3)], Silent())
    reader.close()


def test_an_edition_is_read_by_a_path_from_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = TinyRecording("Song", "Someone", file=("v-tier1-00001", "data/1.ogg", b"x"))
    write_tiny_edition(tmp_path, [song])
    monkeypatch.chdir(tmp_path)
    reader = open_edition(Path("editions/2026-11"))
    assert reader.cursor().execute("SELECT count(*) FROM files").fetchone() == (1,)
    reader.close()

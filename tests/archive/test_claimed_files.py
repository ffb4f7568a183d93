"""Audio that was kept out is taken in once the operator has claimed what its recording needs."""

from datetime import timedelta
from pathlib import Path

import pytest

from phonotheque.archive import (
    IngestReport,
    execute_build,
    execute_claim,
    execute_ingest,
    execute_init,
    plan_build,
    plan_claim,
    plan_ingest,
    plan_init,
    plan_take_back,
    read_claims,
)
from phonotheque.archive.claimed_files import ClaimedFiles, read_claimed_files
from phonotheque.catalogue import current_build, open_build
from phonotheque.model.progress import Silent
from phonotheque.model.rights import Claim, Evidence, EvidenceKind
from phonotheque.storage.layout import Tree
from tests.support.audio import make_audio
from tests.support.clock import NOW

ISRC, MBID = "GBAYE6800011", "b1a9c0e9-d987-4042-ae91-78d6a3267d69"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path / "archive")
    plan = plan_init(tree.root, name="Test", publisher="Test", seat="DE")
    execute_init(plan, None, NOW, Silent())
    return tree


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A folder of one file of which nothing is stated."""
    folder = tmp_path / "music"
    make_audio(folder / "song.flac", tags={"title": "A Song", "artist": "A Singer", "isrc": ISRC})
    return folder


def ingest(tree: Tree, folder: Path, minutes: int) -> IngestReport:
    now = NOW + timedelta(minutes=minutes)
    return execute_ingest(
        tree, plan_ingest(tree, [folder], source=None, kind="auto", now=now), now, Silent()
    )


def build(tree: Tree) -> None:
    execute_build(tree, plan_build(tree, NOW.date()), Silent())


def claim(tree: Tree, *said: str, recording: str = "1") -> None:
    letter = tree.root.parent / "letter.txt"
    letter.write_text("We give this to everybody.")
    plan = plan_claim(
        tree, recording, said, document=letter, witness="the band", kind="rightsholder", now=NOW
    )
    execute_claim(tree, plan, NOW)


def published(tree: Tree) -> list[tuple[str, int]]:
    """The level of STREAM and the number of files of each recording."""
    current = current_build(tree)
    assert current is not None
    reader = open_build(current[1], current[0])
    try:
        return (
            reader.cursor()
            .execute(
                "SELECT r.stream, (SELECT count(*) FROM recording_files f "
                "WHERE f.recording = r.number) FROM recordings r ORDER BY r.number"
            )
            .fetchall()
        )
    finally:
        reader.close()


@pytest.mark.full
def test_kept_out_claimed_and_ingested_again_it_is_held_and_heard(tree: Tree, music: Path) -> None:
    first = ingest(tree, music, 0)
    assert (first.files_admitted, first.files_refused) == (0, 1)
    assert "rights claim" in str(first.findings[0]["message"])
    build(tree)
    assert published(tree) == [("DENY", 0)]
    claim(tree, "licence=CC-BY-4.0")
    second = ingest(tree, music, 1)
    assert (second.files_admitted, second.files_refused) == (1, 0)
    build(tree)
    assert published(tree) == [("ALLOW_IF", 1)]
    third = ingest(tree, music, 2)
    assert (third.files_held_already, third.nothing_new) == (1, ["music"])


@pytest.mark.full
def test_a_claim_taken_back_lets_nothing_in(tree: Tree, music: Path) -> None:
    ingest(tree, music, 0)
    build(tree)
    claim(tree, "licence=CC-BY-4.0")
    (view,) = read_claims(tree)
    execute_claim(tree, plan_take_back(tree, str(view.id), now=NOW), NOW)
    assert ingest(tree, music, 1).files_admitted == 0


def test_a_claim_that_forbids_keeps_out_what_the_tags_would_let_in(
    tree: Tree, tmp_path: Path
) -> None:
    tags = {"title": "A Song", "artist": "A Singer", "license": "CC-BY-4.0"}
    make_audio(tmp_path / "music" / "song.flac", tags=tags)
    rows = tmp_path / "music.csv"
    rows.write_text("source_key,artist_credit,title,duration_ms\nsong.flac,A Singer,A Song,1000\n")
    ingest(tree, rows, 0)
    build(tree)
    claim(tree, "licence=CC-BY-NC-4.0")
    report = ingest(tree, tmp_path / "music", 1)
    assert (report.files_admitted, report.files_refused) == (0, 1)
    assert "CC-BY-NC-4.0" in str(report.findings[0]["message"])


@pytest.mark.full
def test_the_same_isrc_in_another_source_is_enough(tree: Tree, music: Path, tmp_path: Path) -> None:
    ingest(tree, music, 0)
    build(tree)
    claim(tree, "licence=CC-BY-4.0")
    other = tmp_path / "elsewhere"
    tags = {"title": "A Song", "artist": "A Singer", "isrc": ISRC}
    make_audio(other / "track.flac", hertz=441, tags=tags)
    make_audio(other / "long.flac", hertz=442, seconds=9, tags=tags)
    make_audio(other / "untold.flac", hertz=443)
    report = ingest(tree, other, 1)
    assert (report.files_admitted, report.files_refused) == (1, 2), "one lasts longer: another"


@pytest.mark.full
def test_another_recording_put_in_place_of_the_file_is_not_taken_for_it(
    tree: Tree, music: Path
) -> None:
    ingest(tree, music, 0)
    build(tree)
    claim(tree, "licence=CC-BY-4.0")
    make_audio(music / "song.flac", seconds=9)
    assert ingest(tree, music, 1).files_admitted == 0


def test_without_claims_no_catalogue_is_read_and_what_is_of_two_is_of_none(tree: Tree) -> None:
    row = {"source_key": "a", "recording_mbid": MBID, "isrcs": [ISRC], "duration_ms": 1000}
    assert read_claimed_files(tree, "music").of(row) == ()
    gift = Evidence(Claim.LICENCE, "CC0-1.0", "CC0", EvidenceKind.SIDECAR, "letter.txt", NOW)
    known = ClaimedFiles({1: (gift,), 2: (gift,)})
    known.know(f"isrc:{ISRC}", 1, 1000)
    known.know(f"mbid:{MBID}", 2, None)
    assert known.of(row) == (gift,), "of what lasts nobody knows how long codes prove nothing"
    known.know(f"mbid:{MBID}", 2, 1020)
    assert known.of(row) == ()
    assert known.of(row | {"recording_mbid": None, "duration_ms": 4001}) == ()

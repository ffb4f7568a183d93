"""The profile `open` is what docs/formats/synth.md says, and its truth is true."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phonotheque.model.identifiers import IsrcStatus, parse_isrc, parse_mbid, split_isrcs
from phonotheque.model.progress import Silent
from phonotheque.model.text import normalise
from phonotheque.synth import execute_synth, plan_synth

SOURCES = ("atlas", "bazaar", "commons")
TRACKS = 60_000
Row = dict[str, object]


def write(out: Path, **options: object) -> None:
    """A dump of the profile in `out`."""
    settings = {"profile": "open", "tracks": TRACKS, "seed": 3} | options
    execute_synth(plan_synth(out, **settings), Silent())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One dump for all tests of this file that only read."""
    out = tmp_path_factory.mktemp("dump")
    write(out)
    return out


def rows(out: Path, kind: str) -> pa.Table:
    """All rows of a kind, piece after piece."""
    return pa.concat_tables(pq.read_table(p) for p in sorted(out.glob(f"{kind}-0*.parquet")))


@pytest.fixture(scope="module")
def told(dump: Path) -> list[Row]:
    """Every row of every source with its truth."""
    truth = {(r["source"], r["source_key"]): r for r in rows(dump, "truth").to_pylist()}
    found = []
    for source in SOURCES:
        for row in rows(dump, source).to_pylist():
            found.append(row | truth.pop((source, row["source_key"])))
    assert not truth
    return found


def test_pieces_one_after_the_other_are_the_whole(tmp_path: Path) -> None:
    write(tmp_path / "whole", tracks=5_000)
    for piece in (2, 0, 1):
        write(tmp_path / "cut", tracks=5_000, pieces=3, piece=piece)
    for source in SOURCES:
        assert rows(tmp_path / "cut", source).equals(rows(tmp_path / "whole", source))
    by_key = [("source", "ascending"), ("source_key", "ascending")]
    cut, whole = (rows(tmp_path / d, "truth").sort_by(by_key) for d in ("cut", "whole"))
    assert cut.equals(whole)


def test_most_rows_carry_no_code_and_several_sources_tell_of_one_recording(told: list[Row]) -> None:
    assert sum(row["isrcs"] is not None for row in told) / len(told) < 0.12
    tellers: dict[object, set[object]] = {}
    for row in told:
        tellers.setdefault(row["recording"], set()).add(row["source"])
    shares = Counter(len(sources) for sources in tellers.values())
    assert min(shares[n] for n in (1, 2, 3)) > 0.1 * len(tellers)


def test_every_fault_is_there_and_rare(told: list[Row]) -> None:
    faults = Counter(row["fault"] for row in told)
    assert set(faults) - {None} == {
        "isrc.copied-to-version",
        "isrc.malformed",
        "isrc.one-for-album",
        "isrc.placeholder",
        "isrc.several",
        "mbid.wrong",
        "text.entities",
        "text.letters-lost",
        "text.misread",
        "text.nul",
        "title.empty",
    }
    assert 0.95 < faults[None] / len(told) < 0.99


def test_the_faults_are_what_they_are_called(told: list[Row]) -> None:
    for row in told:
        codes, title = str(row["isrcs"] or ""), str(row["title"])
        states = [parse_isrc(code)[1] for code in split_isrcs(codes)]
        match row["fault"]:
            case "title.empty":
                assert title == ""
            case "text.nul":
                assert "\0" in title
            case "text.misread":
                said = (title, str(row["artist_credit"]))
                assert any(t.encode("latin-1").decode() != t for t in said)
            case "isrc.several":
                assert states == [IsrcStatus.VALID] * 2
            case "isrc.malformed":
                assert states == [IsrcStatus.MALFORMED]
            case "isrc.placeholder":
                assert set(states) <= {IsrcStatus.PLACEHOLDER, IsrcStatus.MALFORMED}
            case _:
                assert title
                assert set(states) <= {IsrcStatus.VALID}


def test_codes_without_a_fault_are_those_of_the_recording_alone(told: list[Row]) -> None:
    owner: dict[str, object] = {}
    for row in told:
        if row["isrcs"] and not str(row["fault"]).startswith("isrc."):
            code, _ = parse_isrc(str(row["isrcs"]))
            assert owner.setdefault(code, row["recording"]) == row["recording"]
    ids: dict[object, object] = {}
    for row in told:
        if row["recording_mbid"] and row["fault"] != "mbid.wrong":
            assert parse_mbid(str(row["recording_mbid"]))
            assert ids.setdefault(row["recording_mbid"], row["recording"]) == row["recording"]


def test_sources_write_the_same_in_different_ways(told: list[Row]) -> None:
    written: dict[object, set[tuple[str, str]]] = {}
    for row in told:
        if row["fault"] is None:
            said = (str(row["title"]), str(row["artist_credit"]))
            written.setdefault(row["recording"], set()).add(said)
    several = [said for said in written.values() if len(said) > 1]
    same_in_norm = sum(len({tuple(map(normalise, s)) for s in said}) == 1 for said in several)
    assert 0.15 < len(several) / len(written) < 0.6
    assert 0 < same_in_norm < len(several)
    credits = " | ".join(str(row["artist_credit"]) for row in told)
    assert all(mark in credits for mark in (" feat. ", " ft. ", " & ", ", The"))


def test_versions_and_covers_are_recordings_of_their_own(told: list[Row]) -> None:
    atlas = [r for r in told if r["source"] == "atlas" and r["fault"] is None]
    by_title: dict[str, set[object]] = {}
    for row in atlas:
        by_title.setdefault(str(row["title"]), set()).add(row["recording"])
    versions = [t for t in by_title if t.endswith((" (Live)", " (Remix)", " (Radio Edit)"))]
    with_song = [t for t in versions if t.rsplit(" (", 1)[0] in by_title]
    assert len(versions) > 200
    assert len(with_song) > 0.5 * len(versions)
    assert any("Karaoke" in t for t in by_title)
    assert sum(len(recordings) > 1 for t, recordings in by_title.items() if " " in t) > 500

"""Real open metadata through the whole program, as its user would do it.

What is read: netlabel tables (freemusi.cc), Library of Congress collections, Discogs dumps. Two
tables beside this file say what people saw: `real_rows.tsv`, fifty rows drawn at random and
compared by eye with the files; `real_pairs.tsv`, pairs of rows judged by eye. The page
docs/operations/real-data.md tells the same in words.
"""

import csv
import gzip
import json
import random
import shutil
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.whole.program import Ran, phonotheque

HERE = Path(__file__).parent
DISCOGS = "discogs/discogs_20200806_{}.xml.gz"
INPUTS = ("freemusi", "loc", *(DISCOGS.format(k) for k in ("releases", "artists", "masters")))
SOURCES = ("netlabel-csv", "loc", "discogs-releases", "discogs-artists", "discogs-masters")
CHANGED, DROPPED, NEW = 215, 108, 108  # of 21,502 tracks: 1 %, 0.5 %, 0.5 %


@dataclass(frozen=True)
class RealArchive:
    """An archive with one build, and what reads it."""

    root: Path
    ingested: Ran

    @cached_property
    def reports(self) -> dict[str, Any]:
        return {i["source"]: i for i in self.ingested.json["imports"]}

    def imported(self, source: str, kind: str = "rows", name: str = "0001") -> str:
        return f"'{self.root}/sources/{source}/{name}/{kind}-*.parquet'"

    def view(self, table: str, build: str = "0001") -> str:
        """A table of a build, read as docs/formats/catalogue.md says."""
        folder = self.root / "catalogue/builds" / build / "catalogue"
        files = sorted((folder / table).glob("*.parquet"))
        over = [str(f) for f in files if "-overlay-" in f.name]
        query = f"SELECT * FROM read_parquet({[str(f) for f in files if str(f) not in over]})"
        if over:
            query = (
                f"SELECT b.* FROM ({query}) b ANTI JOIN read_parquet({over}) o USING (number) "
                f"UNION ALL SELECT * FROM read_parquet({over})"
            )
        redirects = [str(f) for f in (folder / "redirects").glob("*.parquet")]
        if not redirects:
            return f"({query})"
        kind = {"recordings": "r", "tracks": "t", "releases": "d", "artists": "a"}[table]
        gone = f"SELECT old FROM read_parquet({redirects}) WHERE kind = '{kind}'"
        return f"(SELECT * FROM ({query}) WHERE number NOT IN ({gone}))"


def table(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> RealArchive:
    root = tmp_path_factory.mktemp("real") / "archive"
    owner = ("--name", "Real data", "--publisher", "Tests", "--seat", "DE")
    phonotheque("init", root, *owner)
    inputs = [shared_data / name for name in INPUTS]
    ingested = phonotheque("ingest", root, *inputs, "--json", expect=1)
    phonotheque("build", root)
    return RealArchive(root, ingested)


def tracks_in(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as lines:
        return sum(1 for _ in csv.reader(lines)) - 1


def items_in(folder: Path) -> int:
    return sum(len(json.loads(f.read_text())["items"]) for f in folder.glob("*.json"))


def tracklists_in(path: Path) -> Counter[str]:
    """What the rules of docs/formats/dumps-discogs.md make of each track element, counted apart
    from the reader."""
    found: Counter[str] = Counter()
    with gzip.open(path) as stream:
        for release in ET.parse(stream).getroot():
            tracks = release.findall("tracklist/track")
            placed = any(t.findtext("position") for t in release.iter("track"))
            for track in tracks:
                subs = track.findall("sub_tracks/track")
                timed = bool(track.findtext("duration"))
                found["row"] += len(subs)
                if subs:
                    heard = timed and not any(s.findtext("duration") for s in subs)
                    found["row" if heard else "index"] += 1
                elif placed and not timed and not track.findtext("position"):
                    found["heading"] += 1
                else:
                    found["row"] += 1
    return found


def test_every_record_of_every_file_is_accounted_for(real: RealArchive, shared_data: Path) -> None:
    counts = {
        source: tuple(real.reports[source][f"rows_{k}"] for k in ("kept", "unchanged", "refused"))
        for source in SOURCES
    }
    left_out = {
        source: duckdb.sql(
            "SELECT count(*) FILTER (code = 'row.duplicate-key') "
            f"FROM '{real.root}/sources/{source}/0001/findings.parquet'"
        ).fetchall()[0][0]
        for source in SOURCES
    }
    assert counts["netlabel-csv"] == (21_449, 0, 20)
    assert 21_449 + 20 + left_out["netlabel-csv"] == tracks_in(shared_data / "freemusi/tracks.csv")
    assert counts["loc"] == (2_165, 0, 0)
    assert 2_165 + left_out["loc"] == items_in(shared_data / "loc")
    elements = tracklists_in(shared_data / DISCOGS.format("releases"))
    assert elements == {"row": 9_191, "heading": 186, "index": 53}
    assert counts["discogs-releases"] == (elements["row"], 0, 0)
    assert counts["discogs-artists"] == counts["discogs-masters"] == (1_000, 0, 0)
    assert left_out["discogs-releases"] == 0


def test_fifty_rows_stand_in_the_import_as_in_the_files(real: RealArchive) -> None:
    expected = table("real_rows.tsv")
    assert len(expected) == 50
    for row in expected:
        found = duckdb.sql(
            "SELECT title, artist_credit, release_title, label, release_year, release_country, "
            "disc, position, position_text, duration_ms, "
            "[e.value FOR e IN evidence IF e.claim = 'licence'][1], "
            f"collection FROM {real.imported(row['source'])} WHERE source_key = $key",
            params={"key": row["source_key"]},
        ).fetchall()
        assert [tuple("" if v is None else str(v) for v in f) for f in found] == [
            tuple(row.values())[2:]
        ]


def test_fifty_rows_stand_in_the_catalogue_as_in_the_files(real: RealArchive) -> None:
    for row in table("real_rows.tsv"):
        found = duckdb.sql(
            "SELECT coalesce(t.title, r.title), coalesce(t.artist_credit, r.artist_credit), "
            "d.title, d.label, d.year, d.country, t.disc, t.position, t.position_text, "
            "coalesce(t.duration_ms, r.duration_ms), r.collections[1] "
            f"FROM {real.view('tracks')} t JOIN {real.view('recordings')} r "
            f"ON r.number = t.recording LEFT JOIN {real.view('releases')} d "
            "ON d.number = t.release WHERE t.source = $source AND t.source_key = $key",
            params={"source": row["source"], "key": row["source_key"]},
        ).fetchall()
        said = [v for k, v in row.items() if k not in {"source", "source_key", "licence"}]
        assert [["" if v is None else str(v) for v in f] for f in found] == [said]


def test_artists_of_the_fifty_rows_have_their_names(real: RealArchive) -> None:
    for row in table("real_rows.tsv"):
        names = duckdb.sql(
            "SELECT a.name FROM (SELECT unnest(r.artist_numbers) AS number "
            f"FROM {real.view('tracks')} t JOIN {real.view('recordings')} r "
            "ON r.number = t.recording WHERE t.source = $source AND t.source_key = $key) "
            f"JOIN {real.view('artists')} a USING (number)",
            params={"source": row["source"], "key": row["source_key"]},
        ).fetchall()
        assert names
        if row["source"] != "discogs-releases":  # there, artists have names besides the credited
            assert names == [(row["artist_credit"],)]


def test_pairs_judged_by_eye_meet_or_stay_apart_as_well_as_when_they_were_judged(
    real: RealArchive,
) -> None:
    recording = {
        (source, key): number
        for source, key, number in duckdb.sql(
            f"SELECT source, source_key, recording FROM {real.view('tracks')}"
        ).fetchall()
    }
    found: Counter[tuple[str, bool]] = Counter()
    for pair in table("real_pairs.tsv"):
        one = recording[pair["source"], pair["source_key"]]
        other = recording[pair["other_source"], pair["other_key"]]
        found[pair["are"], one == other] += 1
        if (pair["are"] == "same") == (pair["found"] == "together"):
            assert (one == other) == (pair["are"] == "same"), pair
    assert found["different", True] == 0, "rows of unknown duration from other releases"
    assert found["same", False] <= 2, "of unknown duration, and rightly one"


@pytest.mark.full
@pytest.mark.timeout(600)
def test_metadata_alone_is_verified_explained_published_searched_and_exported(
    real: RealArchive, tmp_path: Path
) -> None:
    root = copied(real, tmp_path).root
    checked = phonotheque("verify", root, "--catalogue", "--json").json
    assert {c["name"]: c["outcome"] for c in checked["checks"]}["references"] == "passed"
    why = phonotheque("explain", root, "1").out
    assert "nothing else has its" in why
    assert "0 files in 0 volumes" in phonotheque("publish", root, "--edition", "first").out
    hits = phonotheque("search", root, "silent night", "--json").json
    assert "silent night" in json.dumps(hits).lower()
    phonotheque("export", root, tmp_path / "all.sqlite")
    assert (tmp_path / "all.sqlite").stat().st_size > 1_000_000
    phonotheque("verify", root)


def copied(real: RealArchive, folder: Path) -> RealArchive:
    """The archive with its keys, to go on with."""
    for name in ("archive", "archive-OFFLINE-KEYS"):
        shutil.copytree(real.root.parent / name, folder / name)
    return RealArchive(folder / "archive", real.ingested)


def changed_tables(source: Path, target: Path) -> tuple[set[str], set[str]]:
    """The netlabel tables with 1 % of tracks changed, 0.5 % dropped, 0.5 % new ones; the keys of
    the changed and of the dropped."""
    target.mkdir()
    shutil.copyfile(source / "releases.csv", target / "releases.csv")
    with (source / "tracks.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    places = Counter((r["id"], r["disc"], r["track"]) for r in rows)
    sure = [
        n
        for n, r in enumerate(rows)
        if places[r["id"], r["disc"], r["track"]] == 1 and r["title"].strip() and r["track"] != "0"
    ]
    drawn = random.Random(7).sample(sure, CHANGED + DROPPED)
    keys = [f"{rows[n]['id']}/{rows[n]['disc']}-{rows[n]['track']}" for n in drawn]
    for turn, n in enumerate(drawn[:CHANGED]):
        change = (
            {"title": rows[n]["title"] + " again"},
            {"duration": str(int(rows[n]["duration"] or 0) + 40)},
            {"trackartist": "New " + rows[n]["trackartist"]},
        )[turn % 3]
        rows[n] |= change
    dropped = set(drawn[CHANGED:])
    left = [r for n, r in enumerate(rows) if n not in dropped]
    for n in range(NEW):
        left.append(
            dict.fromkeys(rows[0], "")
            | {"id": f"new-{n // 12}", "disc": "1", "track": str(n % 12 + 1)}
            | {"title": f"Fresh {n}", "trackartist": f"Newcomer {n // 12}", "duration": "200"}
        )
    with (target / "tracks.csv").open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(left)
    return set(keys[:CHANGED]), set(keys[CHANGED:])


@pytest.mark.full
@pytest.mark.timeout(600)
def test_an_update_of_two_per_cent_touches_that_much_and_no_number_moves(
    real: RealArchive, shared_data: Path, tmp_path: Path
) -> None:
    updated = copied(real, tmp_path)
    root = updated.root
    phonotheque("publish", root, "--edition", "first")
    changed, dropped = changed_tables(shared_data / "freemusi", tmp_path / "freemusi")
    again = phonotheque("ingest", root, tmp_path / "freemusi", "--json", expect=1).json
    report = again["imports"][0]
    assert (report["rows_kept"], report["rows_gone"]) == (CHANGED + NEW, DROPPED)
    gone = updated.imported("netlabel-csv", "gone", "0002")
    assert {k for (k,) in duckdb.sql(f"SELECT source_key FROM {gone}").fetchall()} == dropped
    rows = updated.imported("netlabel-csv", "rows", "0002")
    assert changed <= {k for (k,) in duckdb.sql(f"SELECT source_key FROM {rows}").fetchall()}
    phonotheque("build", root)
    before, after = updated.view("tracks"), updated.view("tracks", "0002")
    stayed, moved, lost, found = duckdb.sql(
        "SELECT count(*) FILTER (a.number = b.number), count(*) FILTER (a.number <> b.number), "
        "count(*) FILTER (b.number IS NULL), count(*) FILTER (a.number IS NULL) "
        f"FROM {before} a FULL JOIN {after} b USING (source, source_key)"
    ).fetchall()[0]
    assert (stayed, moved, lost, found) == (32_697, 0, DROPPED, NEW)
    for kind in ("recordings", "tracks"):
        overlay = f"{root}/catalogue/builds/0002/catalogue/{kind}/*-overlay-*.parquet"
        (written,) = duckdb.sql(f"SELECT count(*) FROM '{overlay}'").fetchall()[0]
        assert NEW <= written <= 2 * (CHANGED + NEW)
    phonotheque("verify", root, "--catalogue")
    phonotheque("publish", root, "--edition", "second")
    changes = duckdb.sql(
        "SELECT change, count(*) "
        f"FROM '{root}/editions/second/changes/changes.parquet' WHERE kind = 't' GROUP BY change"
    ).fetchall()
    assert {c: n for c, n in changes if c != "changed"} == {"added": NEW, "gone": DROPPED}


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_table_cut_short_is_told_by_verify_and_can_be_tolerated(
    real: RealArchive, shared_data: Path, tmp_path: Path
) -> None:
    root = copied(real, tmp_path).root
    phonotheque("publish", root, "--edition", "first")
    shutil.copytree(shared_data / "freemusi", tmp_path / "freemusi")
    whole = (shared_data / "freemusi/tracks.csv").read_text(encoding="utf-8").splitlines(True)
    (tmp_path / "freemusi/tracks.csv").chmod(0o644)
    (tmp_path / "freemusi/tracks.csv").write_text("".join(whole[:20_000]), encoding="utf-8")
    phonotheque("ingest", root, tmp_path / "freemusi", expect=1)
    phonotheque("build", root)
    told = phonotheque("verify", root, "--catalogue", "--json", expect=1).json
    assert {c["name"]: c["outcome"] for c in told["checks"]}["differences"] == "failed"
    phonotheque("verify", root, "--catalogue", "--tolerate", "rows=10")


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_dump_that_breaks_off_keeps_what_came_before_and_does_not_end_as_done(
    real: RealArchive, shared_data: Path, tmp_path: Path
) -> None:
    root = copied(real, tmp_path).root
    whole = (shared_data / DISCOGS.format("releases")).read_bytes()
    broken = tmp_path / "discogs_20200906_releases.xml.gz"
    broken.write_bytes(whole[: len(whole) // 2])
    report = phonotheque("ingest", root, broken, "--json", expect=1).json
    assert report["findings_by_code"]["file.unreadable"] == 1
    assert report["rows_gone"] == 0
    assert report["rows_unchanged"] == report["rows_read"] > 1_000


def test_what_no_reader_knows_is_refused_with_the_ways_there_are(
    real: RealArchive, shared_data: Path
) -> None:
    for name in (DISCOGS.format("labels"), "release-names/rainbow1-100-7.json"):
        assert "--map" in phonotheque("ingest", real.root, shared_data / name, expect=65).err

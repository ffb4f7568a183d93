"""Protected files and playlists of streams: refused by name, for good, and in the history."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from phonotheque.storage.layout import Tree
from phonotheque.vault import Examination, Examiner, Material
from tests.archive.test_ingest import ingest, new_archive, rows_of
from tests.support.audio import encode_tone, make_audio
from tests.support.boxes import box

PROTECTED = b"\0\0\0\x14ftypM4P \0\0\0\0M4P " + b"\0\0\0\x08free"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return new_archive(tmp_path / "archive")


def refusals(tree: Tree) -> list[dict[str, Any]]:
    files = sorted((tree.vault / "events").glob("*.parquet"))
    events = [event for path in files for event in pq.read_table(path).to_pylist()]
    return [event for event in events if event["outcome"] == "failure"]


def test_a_refusal_stands_in_the_history_once_with_its_digest(tree: Tree, tmp_path: Path) -> None:
    folder = tmp_path / "songs"
    folder.mkdir()
    (folder / "bought.m4p").write_bytes(PROTECTED)
    for _ in range(2):
        report = ingest(tree, folder)
        assert report.findings_by_code["audio.drm"] == 1
    (event,) = refusals(tree)
    detail = json.loads(event["detail"])
    assert (event["type"], event["sha256"]) == ("val", sha256(PROTECTED).hexdigest())
    assert (detail["path"], detail["refused"][0]["rule"]) == ("bought.m4p", "audio.drm")
    assert "FairPlay" in detail["refused"][0]["reason"]
    (folder / "bought.m4p").write_bytes(PROTECTED + b"\0\0\0\x08free")
    ingest(tree, folder)
    assert len(refusals(tree)) == 2


def test_playlists_of_streams_are_refused_and_give_no_row(tree: Tree, tmp_path: Path) -> None:
    folder = tmp_path / "songs"
    make_audio(folder / "a.flac", tags={"title": "A", "license": "CC0-1.0"})
    plain = "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:9,\na.ts\n"
    (folder / "keyed.m3u8").write_text(plain + '#EXT-X-KEY:METHOD=AES-128,URI="k"\n')
    (folder / "clear.m3u8").write_text(plain)
    (folder / "film.mpd").write_text("<MPD><ContentProtection/></MPD>")
    (folder / "list.m3u8").write_text("#EXTM3U\na.flac\n")
    report = ingest(tree, folder)
    assert report.findings_by_code == {"audio.drm": 2, "file.unknown-format": 1}
    assert (report.files_refused, report.files_admitted) == (3, 1)
    assert [row["source_key"] for row in rows_of(tree, "songs/0001")] == ["a.flac"]
    assert {f["where"] for f in report.findings} == {"keyed.m3u8", "clear.m3u8", "film.mpd"}


def test_a_file_that_names_its_buyer_is_kept_with_a_warning(tree: Tree, tmp_path: Path) -> None:
    content = encode_tone(".m4a")
    tags = box(b"ilst", box(b"apID", box(b"data", bytes(8), b"a@example.org")))
    meta = box(b"udta", box(b"meta", bytes(4), box(b"hdlr", bytes(24)), tags))
    folder = tmp_path / "songs"
    folder.mkdir()
    (folder / "a.m4a").write_bytes(content + meta)
    (folder / "rights.toml").write_text('[[rights]]\nlicence = "CC0-1.0"\n')
    report = ingest(tree, folder)
    assert report.findings_by_code == {"audio.personal-data": 1}
    assert report.files_admitted == 1


def test_a_streaming_service_as_the_source_is_evidence_of_the_row(
    tree: Tree, tmp_path: Path
) -> None:
    tags = {"title": "A", "license": "CC0-1.0", "source": "Spotify"}
    make_audio(tmp_path / "songs/a.flac", tags=tags)
    ingest(tree, tmp_path / "songs")
    (row,) = rows_of(tree, "songs/0001")
    claims = {(e["claim"], e["value"], e["source"]) for e in row["evidence"]}
    assert ("provenance", "streaming-service", "tag:source") in claims


def test_audio_without_a_right_is_decoded_once_and_let_in_when_it_gets_one(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "songs"
    make_audio(folder / "a.flac", tags={"title": "A"})
    decoded: list[str] = []
    examine = Examiner.examine

    def counted(examiner: Examiner, material: Material) -> Examination:
        decoded.append(material.source.name)
        return examine(examiner, material)

    monkeypatch.setattr(Examiner, "examine", counted)
    for _ in range(2):
        report = ingest(tree, folder)
        assert report.findings_by_code == {"rights.no-evidence": 1}
        assert (report.files_refused, report.files_admitted) == (1, 0)
    assert decoded == ["a.flac"]
    (folder / "rights.toml").write_text(
        '[[rights]]\nfiles = ["*"]\nlicence = "CC0-1.0"\nholder = "Me"\n'
    )
    report = ingest(tree, folder)
    assert (report.files_refused, report.files_admitted) == (0, 1)
    assert decoded == ["a.flac"] * 2
    (row,) = rows_of(tree, "songs/0002")
    assert row["file_sha256"] == sha256((folder / "a.flac").read_bytes()).hexdigest()

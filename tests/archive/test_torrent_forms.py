"""Hybrid torrents and those of v2 alone side by side: their links, and what supersedes both."""

from pathlib import Path

import libtorrent as lt
import pyarrow.parquet as pq
import pytest

from phonotheque.archive import execute_withdraw, plan_withdraw
from phonotheque.cli.operating import _publish_lines
from phonotheque.edition import read_torrent
from phonotheque.mirror import verify, verify_edition
from phonotheque.model.progress import Silent
from phonotheque.storage.layout import Tree
from tests.archive.test_publish import made_up_vault, release
from tests.archive.workshop import Song, Workshop
from tests.support.clock import NOW

__all__ = ["made_up_vault"]  # a fixture

pytestmark = [pytest.mark.usefixtures("tuf_clock"), pytest.mark.full]
SONGS = [Song(f"Song {n}", "Zaz", listens=900 - n, tier=1, size=40_000 + n) for n in range(6)]
OLD, NEW, HEIR = "work-tier1-00001", "work-tier1-00002", "work-tier1-00003"


def set_form(tree: Tree, form: str) -> None:
    text = tree.archive_toml.read_text()
    for other in ("hybrid", "v2"):
        text = text.replace(f'form = "{other}"', f'form = "{form}"')
    tree.archive_toml.write_text(text)


def test_links_of_both_forms_and_heirs_of_v2_where_one_of_theirs_is(
    tmp_path: Path,
) -> None:
    settings = {"max_files": 3, "supersede_batch_bytes": 70_000}
    workshop = Workshop(tmp_path / "archive", volumes=settings, publish={"webseeds": ["http://x"]})
    tree = workshop.tree
    workshop.build(SONGS[:3])
    reports = [release(tree)]
    set_form(tree, "v2")
    workshop.build(SONGS)
    reports.append(release(tree, "two", days=30))
    for report, name, hybrid in zip(reports, (OLD, NEW), (True, False), strict=True):
        [magnet] = report.magnets
        assert f"    {magnet}" in _publish_lines(report)
        link = lt.parse_magnet_uri(magnet)
        torrent = lt.torrent_info(str(tree.edition(report.name) / f"torrents/{name}.torrent"))
        assert (link.info_hashes, link.name) == (torrent.info_hashes(), name)
        assert link.info_hashes.has_v1() is hybrid
        assert link.url_seeds == ["http://x/volumes/"]
    set_form(tree, "hybrid")
    execute_withdraw(tree, plan_withdraw(tree, ["1", "2", "4", "5"], "rights"), NOW, Silent())
    workshop.build(SONGS)
    report = release(tree, "three", days=60)
    [heir] = report.new_volumes
    assert (heir.volume, heir.supersedes, heir.info_hash_v1) == (HEIR, [OLD, NEW], "")
    torrent = read_torrent((tree.edition("three") / f"torrents/{HEIR}.torrent").read_bytes())
    assert (torrent.info_hash_v2, torrent.v1_pieces) == (heir.info_hash_v2, b"")
    audio = {f.path: f for f in torrent.files if f.path.startswith("data/")}
    rows = pq.read_table(tree.edition("three") / f"files/{HEIR}.parquet").to_pylist()
    assert {r["path"]: r["pieces_root"] for r in rows} == {
        path: (file.pieces_root or b"").hex() for path, file in audio.items()
    }
    assert verify(tree, Silent(), now=NOW).clean
    checks = {c.name: c.outcome for c in verify_edition(tree, "three", Silent(), year=2026).checks}
    assert {checks[n] for n in ("tables", "volumes", "references")} == {"passed"}

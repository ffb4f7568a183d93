"""Volumes that others took the place of, as a server answers for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar.testing import TestClient

from phonotheque.archive import execute_withdraw, plan_withdraw
from phonotheque.model.progress import Silent
from phonotheque.search import ensure_index
from phonotheque.serve import create_app
from phonotheque.storage.layout import Tree
from tests.archive.test_publish import made_up_vault, release
from tests.archive.workshop import Song, Workshop
from tests.support.clock import NOW

__all__ = ["made_up_vault"]  # a fixture

pytestmark = [pytest.mark.usefixtures("tuf_clock"), pytest.mark.full]
SONGS = [Song(f"Song {n}", "Zaz", listens=900 - n, tier=1, size=40_000 + n) for n in range(6)]
ONE, TWO, THREE = (f"work-tier1-0000{n}" for n in range(1, 4))
LIVES, GONE = (
    f"data/Zaz/{n + 1:02d} - Song {n} [{SONGS[n].digest[:8]}].ogg" for n in (1, 0)
)  # fmt: skip


def serving(tree: Tree, edition: str) -> TestClient:
    ensure_index(tree.edition(edition), tree.edition_index(edition), Silent())
    return TestClient(create_app(tree))


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Two volumes of three songs, superseded by one, which keeps what they held for one edition."""
    settings = {"max_files": 3, "supersede_batch_bytes": 70_000, "keep_superseded_editions": 1}
    made = Workshop(tmp_path / "archive", volumes=settings, publish={"webseeds": ["http://x/"]})
    made.build(SONGS)
    release(made.tree)
    tree = made.tree
    execute_withdraw(tree, plan_withdraw(tree, ["1", "4", "5"], "rights"), NOW, Silent())
    made.build(SONGS)
    release(tree, "two", days=30)
    return made


@pytest.fixture
def client(workshop: Workshop) -> Iterator[TestClient]:
    with serving(workshop.tree, "two") as client:
        yield client


def test_the_old_address_goes_on_and_gives_nothing_that_is_withdrawn(
    client: TestClient, workshop: Workshop
) -> None:
    old, heir = (client.get(f"/volumes/{name}/{LIVES}") for name in (ONE, THREE))
    assert old.status_code == heir.status_code == 200
    assert old.content == heir.content == SONGS[1].content
    assert old.headers["etag"] == heir.headers["etag"]
    part = client.get(f"/volumes/{ONE}/{LIVES}", headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, SONGS[1].content[10:20])
    assert client.get(f"/volumes/{ONE}/{GONE}").status_code == 410
    assert client.get(f"/volumes/{THREE}/{GONE}").status_code in (404, 410)
    assert client.get(f"/volumes/{ONE}/.pad/100").content == bytes(100)
    torrent = client.get(f"/torrents/{ONE}.torrent")
    assert torrent.status_code == 200
    one = workshop.tree.edition("one") / "torrents" / f"{ONE}.torrent"
    assert torrent.content == one.read_bytes(), "who has it goes on with the web seeds in it"
    listed = [v["volume"] for v in client.get("/api/v1/volumes").json()["volumes"]]
    assert listed == [THREE]


def test_when_it_has_left_the_edition_the_old_address_is_gone(workshop: Workshop) -> None:
    tree = workshop.tree
    workshop.build([*SONGS, Song("New", "Zoe", tier=1)])
    release(tree, "three", days=60)
    with serving(tree, "three") as client:
        for path in (LIVES, GONE, "bagit.txt", ".pad/100"):
            assert client.get(f"/volumes/{ONE}/{path}").status_code in (404, 410)
        assert client.get(f"/torrents/{ONE}.torrent").status_code == 404
        assert client.get(f"/volumes/{THREE}/{LIVES}").content == SONGS[1].content

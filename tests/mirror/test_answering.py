"""The origin does not answer, and the mirror asks the others that it knows for what is signed."""

from pathlib import Path

import msgspec
import pytest

from phonotheque.mirror import read_mirror
from phonotheque.model.errors import NotFoundError, TransferError, TrustError
from phonotheque.storage.documents import write_document
from tests.mirror.conftest import Follower
from tests.support.origin import TinyOrigin, WebServer, copied, three_volumes

NOBODY = "http://127.0.0.1:9"


def know(follower: Follower, origin: str, *others: str) -> None:
    settings = read_mirror(follower.tree)
    known = msgspec.structs.replace(settings, origin=origin, others=others)
    write_document(follower.tree.mirror_toml, known)


def test_withdrawals_and_editions_come_from_whoever_answers(
    synced: Follower, tmp_path: Path
) -> None:
    know(synced, NOBODY)
    with pytest.raises(TransferError, match="out of reach"):
        synced.sync()
    gone = synced.origin.revoke(3, "2026-11")
    synced.origin.publish(three_volumes(), name="2026-12")
    know(synced, NOBODY, str(tmp_path / "unplugged"), synced.server.url)
    report = synced.sync()
    assert (report.edition, report.findings) == ("2026-12", [])
    assert report.files_deleted == [f"volumes/{gone.volume}/{gone.path}"]
    assert any(
        NOBODY in line and f"asking {tmp_path / 'unplugged'} instead" in line
        for line in synced.notes.lines
    )
    assert read_mirror(synced.tree).origin == NOBODY, "whom to follow is for the user to say"


def test_an_other_that_is_behind_or_of_another_archive_changes_nothing(
    synced: Follower, tmp_path: Path
) -> None:
    behind = copied(synced.origin, tmp_path / "behind")
    synced.origin.sign()
    synced.sync()
    stranger = TinyOrigin(tmp_path / "stranger")
    stranger.publish(three_volumes()[:1])
    with WebServer(behind.root) as old, WebServer(stranger.root) as other:
        know(synced, NOBODY, old.url, other.url)
        with pytest.raises(TransferError, match=f"{NOBODY}.*out of reach"):
            synced.sync()
    assert any("or a copy that is behind" in line for line in synced.notes.lines)
    assert synced.verify().clean


def test_what_is_wrong_with_the_origin_is_said_where_nobody_answers(
    synced: Follower, tmp_path: Path
) -> None:
    know(synced, str(tmp_path / "unplugged"), NOBODY)
    with pytest.raises(NotFoundError, match="there is no such folder"):
        synced.sync()
    synced.server.bend = lambda path, _: b"log in" if path == "metadata/timestamp.json" else None
    know(synced, synced.server.url, NOBODY)
    with pytest.raises(TrustError, match="does not hold"):
        synced.sync()


def test_tables_come_from_others_where_the_origin_lacks_them(
    follower: Follower, tmp_path: Path
) -> None:
    follower.plan()
    follower.server.bend = lambda path, _: 404 if "/files/" in path else None
    with WebServer(follower.origin.root) as other:
        know(follower, follower.server.url, other.url)
        report = follower.sync()
        assert report.findings == [] and follower.verify().clean
        assert other.bytes_of("editions/2026-11/files/") > 0

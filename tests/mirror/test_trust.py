"""What an origin must prove before anything of it is taken."""

import copy
import errno
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from securesystemslib.signer import CryptoSigner

from phonotheque.mirror import Limits, TrustKind
from phonotheque.mirror.origin import open_origin
from phonotheque.mirror.trust import check_paths
from phonotheque.mirror.ways import open_others
from phonotheque.model.edition import EditionFile, EditionManifest
from phonotheque.model.errors import TransferError, TrustError, UsageError
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from tests.mirror.conftest import Follower, files_below
from tests.support.origin import TinyOrigin, WebServer, three_volumes


def test_a_first_contact_without_a_pin_shows_the_fingerprint_it_trusts(follower: Follower) -> None:
    plan = follower.plan()
    assert plan.trust is TrustKind.FIRST_USE
    assert plan.root_sha256 == follower.origin.fingerprint
    assert follower.plan().trust is TrustKind.KNOWN


@pytest.mark.parametrize("as_file", [True, False])
def test_a_pinned_root_is_met_by_fingerprint_or_by_file(follower: Follower, as_file: bool) -> None:
    path = follower.origin.root / "metadata/1.root.json"
    plan = follower.plan(root=path if as_file else follower.origin.fingerprint.upper())
    assert (plan.trust, plan.root_sha256) == (TrustKind.PINNED, follower.origin.fingerprint)


def test_another_root_than_the_pinned_one_is_refused_and_nothing_is_written(
    follower: Follower,
) -> None:
    with pytest.raises(TrustError, match="no root of this origin has the fingerprint"):
        follower.plan(root="ab" * 32)
    assert not follower.tree.root.exists()


def test_a_root_file_of_another_archive_is_refused(follower: Follower, tmp_path: Path) -> None:
    other = TinyOrigin(tmp_path / "other")
    other.publish(three_volumes()[:1])
    with pytest.raises(TrustError):
        follower.plan(root=tmp_path / "other/metadata/1.root.json")


def test_a_mirror_hangs_on_the_root_it_met_even_when_the_address_changes_hands(
    synced: Follower, tmp_path: Path
) -> None:
    impostor = TinyOrigin(tmp_path / "impostor")
    impostor.publish(three_volumes()[:2], name="2027-01")
    before = files_below(synced.tree.editions)
    synced.server.root = impostor.root
    with pytest.raises(TrustError):
        synced.sync()
    assert files_below(synced.tree.editions) == before
    assert synced.verify().clean


def test_an_origin_that_is_gone_leaves_what_is_here_usable(synced: Follower) -> None:
    synced.server.__exit__()
    with pytest.raises(TransferError, match="what this mirror has stays usable"):
        synced.sync()
    assert synced.verify().clean


def test_a_disk_that_takes_no_metadata_is_named(
    synced: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tuf.ngclient.Updater._persist_file", fail)
    with pytest.raises(OSError) as raised:
        synced.sync()
    assert str(synced.tree.metadata) in raised.value.filename


def test_signatures_that_ran_out_are_refused_with_the_way_out(synced: Follower) -> None:
    synced.origin.expires = datetime(2001, 1, 1, tzinfo=UTC)
    synced.origin.sign()
    with pytest.raises(TrustError, match="have run out"):
        synced.sync()


def test_older_metadata_than_already_seen_is_refused(synced: Follower, tmp_path: Path) -> None:
    old = files_below(synced.origin.root / "metadata")
    synced.origin.sign()
    synced.sync()
    for name, content in old.items():
        (synced.origin.root / "metadata" / name).write_bytes(content)
    with pytest.raises(TrustError):
        synced.sync()


def test_metadata_signed_by_another_key_is_refused(synced: Follower) -> None:
    forged = copy.copy(synced.origin)
    forged.signers = synced.origin.signers | {"timestamp": CryptoSigner.generate_ed25519()}
    forged.sign()
    with pytest.raises(TrustError):
        synced.sync()


def test_an_edition_manifest_that_was_changed_is_refused(follower: Follower) -> None:
    follower.plan()
    follower.server.bend = lambda path, content: (
        content.replace(b"Tiny archive", b"Evil archive") if path.endswith("edition.json") else None
    )
    with pytest.raises(TrustError):
        follower.sync()
    assert not follower.tree.latest_json.exists()


def test_endless_metadata_is_cut_off(follower: Follower) -> None:
    follower.server.bend = lambda path, content: (
        b"x" * 3_000_000 if path.endswith("timestamp.json") else None
    )
    with pytest.raises(TrustError):
        follower.plan()


def test_an_edition_published_between_two_requests_is_a_race_and_tried_again(
    follower: Follower,
) -> None:
    follower.plan()
    once = [True]

    def publish_meanwhile(path: str, content: bytes) -> bytes | None:
        if path == "latest.json" and once.pop() if once else False:
            follower.origin.publish(three_volumes(), name="2026-12")
            return follower.origin.tree.latest_json.read_bytes()
        return None

    follower.server.bend = publish_meanwhile
    assert follower.sync().edition == "2026-12"


def test_a_mirror_can_be_the_origin_of_another(synced: Follower, tmp_path: Path) -> None:
    with WebServer(synced.tree.root) as second:
        further = Follower(synced.origin, second, Tree(tmp_path / "further"))
        further.plan(root=synced.origin.fingerprint)
        assert further.sync().findings == []
        assert further.verify().clean
    assert files_below(further.tree.volumes) == files_below(synced.origin.tree.volumes)


def test_a_local_folder_is_an_origin_too(follower: Follower) -> None:
    follower.plan(origin=follower.origin.root)
    follower.sync()
    assert follower.verify().clean
    assert follower.server.served == []


def test_without_an_origin_there_is_nothing_to_plan(follower: Follower) -> None:
    with pytest.raises(UsageError, match="no mirror here yet; say with --origin"):
        follower.plan(origin=None)
    with pytest.raises(UsageError, match="http"):
        follower.plan(origin="gopher://example.org")


@pytest.mark.parametrize(
    ("name", "path"),
    [("../../x", "a"), ("other", "a"), ("2026-11", "../../x"), ("2026-11", "/etc/x"),
     ("2026-11", "a\\..\\x"), ("2026-11", "a\0b"), ("2026-11", "")],
)  # fmt: skip
def test_a_signed_manifest_does_not_lead_out_of_its_folder(
    synced: Follower, name: str, path: str
) -> None:
    """The publisher's keys may be stolen; they must not open the disks of mirrors."""
    manifest = read_document(synced.tree.edition("2026-11") / "edition.json", EditionManifest)
    entry = EditionFile(path=path, bytes=1, sha256="0" * 64)
    hostile = msgspec.structs.replace(manifest, name=name, contents=[entry])
    check_paths(manifest, "2026-11")
    with pytest.raises(TrustError, match="refused"):
        check_paths(hostile, "2026-11" if name == "other" else name)


def test_a_webseed_that_is_no_web_address_is_not_read(synced: Follower) -> None:
    manifest = read_document(synced.tree.edition("2026-11") / "edition.json", EditionManifest)
    hostile = msgspec.structs.replace(manifest, webseeds=["/", "file:///", "http://127.0.0.1:9/"])
    origin = open_origin(synced.tree.root)
    assert [o.address for o in open_others([], hostile, origin, Silent(), Limits())] == [
        "http://127.0.0.1:9"
    ]

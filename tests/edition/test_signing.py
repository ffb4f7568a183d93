"""The repository is judged by python-tuf's own client, fed from the directory as it stands."""

import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from phonotheque.edition import (
    OfflineKeys,
    Outcome,
    init_repository,
    publish_revocations,
    publish_targets,
    renew_online,
    renew_root,
)
from phonotheque.edition.keys import load_signer
from phonotheque.model.errors import InputError, NotFoundError
from phonotheque.storage import durable
from phonotheque.storage.layout import Tree
from tests.support.clock import NOW, TufClock

pytestmark = pytest.mark.usefixtures("tuf_clock")
EMPTY = b'{"files": []}\n'


class FolderFetcher(FetcherInterface):
    """Serves a tree to the client; the base URL is ``tree:/``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.asked.append(url)
        path = self.root / url.removeprefix("tree:/")
        if not path.is_file():
            raise DownloadHTTPError("not there", 404)
        yield path.read_bytes()


class Follower:
    """A client with a pinned root that keeps its state between refreshes."""

    def __init__(self, tree: Tree, home: Path) -> None:
        self.tree, self.home = tree, home
        self.root = (tree.metadata / "1.root.json").read_bytes()
        (home / "state").mkdir(parents=True)
        (home / "targets").mkdir()
        self.fetcher = FolderFetcher(tree.root)

    def read(self, path: str) -> bytes | None:
        """The target's verified content; None when the archive does not list it."""
        updater = Updater(
            str(self.home / "state"),
            "tree:/metadata/",
            str(self.home / "targets"),
            "tree:/",
            self.fetcher,
            UpdaterConfig(prefix_targets_with_hash=False),
            bootstrap=self.root,
        )
        info = updater.get_targetinfo(path)
        if info is None:
            return None
        return Path(updater.download_target(info)).read_bytes()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "archive")


@pytest.fixture
def keys(tree: Tree) -> OfflineKeys:
    keys = OfflineKeys(tree.offline_keys)
    init_repository(tree, keys, EMPTY, NOW)
    return keys


@pytest.fixture
def follower(tree: Tree, keys: OfflineKeys, tmp_path: Path) -> Follower:
    return Follower(tree, tmp_path / "follower")


@contextmanager
def killed_after(writes: int) -> Iterator[None]:
    """Every durable write after the first `writes` fails, as if the process had gone."""
    left = [writes]
    real = durable.commit_file

    def commit(temporary: Path, target: Path) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        real(temporary, target)

    with patch.object(durable, "commit_file", commit):
        yield


def test_a_new_archive_has_revocations_and_no_edition(follower: Follower) -> None:
    assert follower.read("revocations.json") == EMPTY
    assert follower.read("latest.json") is None


def test_a_follower_sees_what_is_published_and_then_the_next(
    tree: Tree, keys: OfflineKeys, follower: Follower
) -> None:
    assert publish_targets(
        tree, {"latest.json": b"one", "editions/a/edition.json": b"A"}, keys, NOW
    )
    assert follower.read("latest.json") == b"one"
    assert publish_targets(
        tree, {"latest.json": b"two", "editions/b/edition.json": b"B"}, keys, NOW
    )
    assert follower.read("latest.json") == b"two"
    assert follower.read("editions/a/edition.json") == b"A"
    assert follower.read("editions/b/edition.json") == b"B"


def test_publishing_the_same_again_writes_nothing(tree: Tree, keys: OfflineKeys) -> None:
    publish_targets(tree, {"latest.json": b"one"}, keys, NOW)
    before = snapshot(tree)
    again = publish_targets(tree, {"latest.json": b"one"}, keys, NOW + timedelta(days=1))
    assert again is Outcome.NOTHING
    assert snapshot(tree) == before


def test_a_changed_target_is_rejected(tree: Tree, keys: OfflineKeys, follower: Follower) -> None:
    publish_targets(tree, {"latest.json": b"one"}, keys, NOW)
    tree.latest_json.write_bytes(b"eno")
    with pytest.raises(RepositoryError):
        follower.read("latest.json")


def test_changed_metadata_is_rejected(tree: Tree, keys: OfflineKeys, follower: Follower) -> None:
    publish_targets(tree, {"latest.json": b"one"}, keys, NOW)
    path = tree.metadata / "2.targets.json"
    path.write_bytes(path.read_bytes().replace(b'"length":3', b'"length":4'))
    with pytest.raises(RepositoryError):
        follower.read("latest.json")


def test_an_older_state_is_rejected(tree: Tree, keys: OfflineKeys, follower: Follower) -> None:
    publish_targets(tree, {"latest.json": b"one"}, keys, NOW)
    old = (tree.metadata / "timestamp.json").read_bytes()
    publish_targets(tree, {"latest.json": b"two"}, keys, NOW)
    assert follower.read("latest.json") == b"two"
    (tree.metadata / "timestamp.json").write_bytes(old)
    with pytest.raises(RepositoryError):
        follower.read("revocations.json")
        follower.read("latest.json")


def test_a_revocation_needs_no_offline_key(
    tree: Tree, keys: OfflineKeys, follower: Follower
) -> None:
    publish_targets(tree, {"latest.json": b"one"}, keys, NOW)
    shutil.rmtree(keys.directory)
    assert publish_revocations(tree, b"gone", NOW)
    assert follower.read("revocations.json") == b"gone"
    assert follower.read("latest.json") == b"one"
    with pytest.raises(NotFoundError, match="medium"):
        publish_targets(tree, {"latest.json": b"two"}, keys, NOW)


def test_the_revocations_key_cannot_speak_for_an_edition(
    tree: Tree, keys: OfflineKeys, follower: Follower
) -> None:
    shutil.copy(tree.online_keys / "revocations.pem", keys.directory / "targets.pem")
    before = snapshot(tree)
    with pytest.raises(NotFoundError, match="no key of the role targets"):
        publish_targets(tree, {"latest.json": b"forged"}, keys, NOW)
    assert snapshot(tree) == before
    forger = load_signer(keys.directory, "targets")
    path = tree.metadata / "1.targets.json"
    forged = Metadata[Targets].from_bytes(path.read_bytes())
    forged.signed.targets["latest.json"] = TargetFile.from_data(
        "latest.json", b"forged", ["sha256"]
    )
    forged.sign(forger)
    path.write_bytes(forged.to_bytes())
    tree.latest_json.write_bytes(b"forged")
    with pytest.raises(RepositoryError):
        follower.read("latest.json")


def test_online_roles_are_renewed_when_half_their_time_has_run(
    tree: Tree, keys: OfflineKeys, follower: Follower
) -> None:
    assert not renew_online(tree, NOW + timedelta(days=3))
    assert renew_online(tree, NOW + timedelta(days=4))
    for role in ("timestamp", "2.snapshot", "2.revocations"):
        signed = Metadata.from_file(str(tree.metadata / f"{role}.json")).signed
        assert signed.expires == NOW + timedelta(days=11)
    assert follower.read("revocations.json") == EMPTY


def test_an_expired_repository_is_rejected(
    tree: Tree, follower: Follower, tuf_clock: TufClock
) -> None:
    tuf_clock.now = NOW + timedelta(days=6, hours=23)
    assert follower.read("revocations.json") == EMPTY
    tuf_clock.now = NOW + timedelta(days=7)
    with pytest.raises(RepositoryError, match="expired"):
        follower.read("revocations.json")
    renew_online(tree, tuf_clock.now)
    assert follower.read("revocations.json") == EMPTY


def test_an_archive_is_followed_for_years_from_its_first_root(
    tree: Tree, keys: OfflineKeys, follower: Follower, tuf_clock: TufClock
) -> None:
    publish_targets(tree, {"latest.json": b"one"}, keys, NOW)
    for month in range(0, 60, 5):
        tuf_clock.now = NOW + timedelta(days=30 * month)
        renew_root(tree, keys, tuf_clock.now)
        publish_targets(tree, {"latest.json": b"one"}, keys, tuf_clock.now)
        renew_online(tree, tuf_clock.now)
        assert follower.read("latest.json") == b"one"
    assert (tree.metadata / "root.json").read_bytes() != follower.root


def test_what_is_signed_offline_is_left_for_the_first_half_year_and_without_its_key(
    tree: Tree, keys: OfflineKeys
) -> None:
    publish_targets(tree, {"latest.json": b"one"}, keys, NOW)
    before = snapshot(tree)
    half = NOW + timedelta(days=182)
    assert not renew_root(tree, keys, half)
    assert publish_targets(tree, {"latest.json": b"one"}, keys, half) is Outcome.NOTHING
    shutil.rmtree(keys.directory)
    later = NOW + timedelta(days=300)
    assert not renew_root(tree, keys, later)
    assert publish_targets(tree, {"latest.json": b"one"}, keys, later) is Outcome.NOTHING
    assert snapshot(tree) == before


@pytest.mark.parametrize("writes", range(2))
def test_a_killed_renewal_of_the_root_holds_and_is_completed(
    tree: Tree, keys: OfflineKeys, follower: Follower, tuf_clock: TufClock, writes: int
) -> None:
    tuf_clock.now = NOW + timedelta(days=300)
    with killed_after(writes), pytest.raises(KeyboardInterrupt):
        renew_root(tree, keys, tuf_clock.now)
    renew_online(tree, tuf_clock.now)
    assert follower.read("revocations.json") == EMPTY
    renew_root(tree, keys, tuf_clock.now)
    newest = (tree.metadata / "root.json").read_bytes()
    assert newest == (tree.metadata / "2.root.json").read_bytes()
    assert follower.read("revocations.json") == EMPTY


def test_a_root_that_needs_more_keys_than_ours_is_left_to_their_holders(
    tree: Tree, keys: OfflineKeys
) -> None:
    root = Metadata.from_bytes((tree.metadata / "root.json").read_bytes())
    root.signed.add_key(CryptoSigner.generate_ed25519().public_key, "root")
    root.signed.roles["root"].threshold = 2
    for name in ("root", "1.root"):
        (tree.metadata / f"{name}.json").write_bytes(root.to_bytes())
    before = snapshot(tree)
    assert not renew_root(tree, keys, NOW + timedelta(days=300))
    assert snapshot(tree) == before


@pytest.mark.parametrize("writes", range(6))
def test_a_kill_while_signing_leaves_a_state_that_holds_and_a_rerun_the_same_bytes(
    tree: Tree, keys: OfflineKeys, follower: Follower, writes: int, tmp_path: Path
) -> None:
    twin = Tree(tmp_path / "twin")
    shutil.copytree(tree.root, twin.root)
    publish_targets(twin, {"latest.json": b"one", "editions/a/edition.json": b"A"}, keys, NOW)
    with killed_after(writes), pytest.raises(KeyboardInterrupt):
        publish_targets(tree, {"latest.json": b"one", "editions/a/edition.json": b"A"}, keys, NOW)
    assert follower.read("revocations.json") == EMPTY
    publish_targets(tree, {"latest.json": b"one", "editions/a/edition.json": b"A"}, keys, NOW)
    assert snapshot(tree) == snapshot(twin)
    assert follower.read("latest.json") == b"one"


@pytest.mark.parametrize("writes", range(5))
def test_a_rerun_on_another_day_never_gives_a_number_to_other_content(
    tree: Tree, keys: OfflineKeys, follower: Follower, writes: int
) -> None:
    with killed_after(writes), pytest.raises(KeyboardInterrupt):
        publish_targets(tree, {"latest.json": b"one", "editions/a/edition.json": b"A"}, keys, NOW)
    before = snapshot(tree)
    later = NOW + timedelta(days=1)
    publish_targets(tree, {"latest.json": b"two", "editions/a/edition.json": b"A"}, keys, later)
    after = snapshot(tree)
    numbered = [n for n in before if n.startswith("metadata/") and n[len("metadata/")].isdigit()]
    assert {n: after[n] for n in numbered} == {n: before[n] for n in numbered}
    assert follower.read("latest.json") == b"two"


def test_a_killed_init_is_completed(tree: Tree, tmp_path: Path) -> None:
    keys = OfflineKeys(tree.offline_keys, b"secret")
    for day in range(14):
        with killed_after(day), suppress(KeyboardInterrupt):
            init_repository(tree, keys, EMPTY, NOW + timedelta(hours=day))
    init_repository(tree, keys, EMPTY, NOW)
    assert Follower(tree, tmp_path / "f").read("revocations.json") == EMPTY


def test_half_written_files_of_a_killed_process_are_swept(tree: Tree, keys: OfflineKeys) -> None:
    left = [tree.metadata / ".2.snapshot.json.77.partial", tree.root / ".latest.json.77.partial"]
    for path in left:
        path.write_bytes(b"half")
    publish_targets(tree, {"latest.json": b"one"}, keys, NOW)
    assert not [path for path in left if path.exists()]


def test_keys_are_for_their_owner_only(tree: Tree, keys: OfflineKeys) -> None:
    for folder in (tree.online_keys, keys.directory):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(p.stat().st_mode) for p in folder.glob("*.pem")} == {0o600}
    assert not list(tree.root.rglob("root.pem"))


def test_a_wrong_passphrase_is_said_to_be_one(tree: Tree) -> None:
    init_repository(tree, OfflineKeys(tree.offline_keys, b"right"), EMPTY, NOW)
    with pytest.raises(InputError, match="passphrase"):
        publish_targets(tree, {"latest.json": b"1"}, OfflineKeys(tree.offline_keys, b"wrong"), NOW)
    with pytest.raises(InputError, match="passphrase"):
        publish_targets(tree, {"latest.json": b"1"}, OfflineKeys(tree.offline_keys), NOW)


def snapshot(tree: Tree) -> dict[str, bytes]:
    """Every published file of the tree."""
    files = [p for p in tree.root.rglob("*") if p.is_file() and "online-keys" not in p.parts]
    return {p.relative_to(tree.root).as_posix(): p.read_bytes() for p in files}

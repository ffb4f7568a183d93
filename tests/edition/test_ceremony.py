"""Rotations, thresholds and several holders; judged by python-tuf's client with the first root."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Timestamp

from phonotheque.archive import commit_keys, drop_proposals, key_status, renew_keys, rotate_keys
from phonotheque.archive.ceremony import CeremonyReport
from phonotheque.edition import (
    ONLINE_ROLES,
    OfflineKeys,
    Outcome,
    init_repository,
    make_key,
    open_keys,
    publish_targets,
    renew_online,
    sign_file,
)
from phonotheque.model.edition import Revocations
from phonotheque.model.errors import InputError, NotFoundError, TrustError, UsageError
from phonotheque.storage.documents import format_document
from phonotheque.storage.layout import Tree
from tests.edition.test_signing import Follower, killed_after, snapshot
from tests.support.clock import NOW, TufClock
from tests.support.properties import costly

pytestmark = pytest.mark.usefixtures("tuf_clock")
EMPTY = format_document(Revocations(format=1, sequence=0, files=[]))
ROLES = ("root", "targets", *ONLINE_ROLES)


def begin(folder: Path) -> tuple[Tree, OfflineKeys, Follower]:
    """A tree as `init` leaves it, but for its settings; and a client that pinned its first root."""
    tree = Tree(folder / "archive")
    keys = OfflineKeys(tree.offline_keys)
    init_repository(tree, keys, EMPTY, NOW)
    return tree, keys, Follower(tree, folder / "follower")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return begin(tmp_path)[0]


@pytest.fixture
def keys(tree: Tree) -> OfflineKeys:
    return OfflineKeys(tree.offline_keys)


@pytest.fixture
def follower(tree: Tree, tmp_path: Path) -> Follower:
    return Follower(tree, tmp_path / "another")


def two_holders(tree: Tree, folder: Path, role: str) -> tuple[Path, Path]:
    """Make `role` need both of two keys; returns the directories of their holders."""
    ours, theirs = tree.offline_keys, folder / f"holder-of-{role}"
    public, _ = make_key(theirs / "mine.pem")
    report = rotate_keys(tree, [role], NOW, add=[public], keys_dir=ours)
    assert report.out
    report = rotate_keys(tree, [role], NOW, threshold=2, keys_dir=ours)
    if not report.out:
        carry(report, theirs)
        assert commit_keys(tree, [], NOW).out
    return ours, theirs


def published(tree: Tree) -> dict[str, bytes]:
    """Every file of the tree but its lock."""
    return {name: content for name, content in snapshot(tree).items() if name != ".lock"}


def carry(report: CeremonyReport, keys: Path) -> None:
    """Each proposal is signed where it lies."""
    for proposal in report.proposals:
        if any(keyid in proposal.unsigned for keyid in open_keys(keys).signers):
            sign_file(Path(proposal.path), open_keys(keys))


@pytest.mark.parametrize("role", ROLES)
def test_any_key_is_replaced_and_the_old_one_no_longer_counts(
    tree: Tree, keys: OfflineKeys, follower: Follower, role: str
) -> None:
    publish_targets(tree, {"latest.json": b"one"}, keys, NOW)
    assert follower.read("latest.json") == b"one"
    old = {r.role: r.keys for r in key_status(tree, NOW).roles}
    assert rotate_keys(tree, [role], NOW).out
    new = {r.role: r.keys for r in key_status(tree, NOW).roles}
    assert {r for r in old if old[r] != new[r]} == {role}
    assert follower.read("latest.json") == b"one"
    publish_targets(tree, {"latest.json": b"two"}, keys, NOW + timedelta(days=1))
    assert renew_online(tree, NOW + timedelta(days=5))
    assert follower.read("latest.json") == b"two"
    assert follower.read("revocations.json") == EMPTY


def test_a_threshold_stages_what_is_published_until_enough_holders_have_signed(
    tree: Tree, keys: OfflineKeys, follower: Follower, tmp_path: Path
) -> None:
    _, theirs = two_holders(tree, tmp_path, "targets")
    outcome = publish_targets(tree, {"latest.json": b"one"}, keys, NOW)
    assert outcome is Outcome.STAGED
    assert not tree.latest_json.exists() and follower.read("latest.json") is None
    before = published(tree)
    with pytest.raises(TrustError, match=r"targets\.json lacks 1 of the keys"):
        commit_keys(tree, [], NOW)
    assert published(tree) == before
    [proposal] = key_status(tree, NOW).proposals
    copy = tmp_path / "carried.json"
    shutil.copy(proposal.path, copy)
    shown = sign_file(copy, open_keys(theirs), dry_run=True)
    assert "latest.json: 3 bytes" in "".join(shown.says)
    sign_file(copy, open_keys(theirs))
    assert publish_targets(tree, {"latest.json": b"one"}, keys, NOW + timedelta(days=1)) is (
        Outcome.STAGED  # the same again keeps the signatures
    )
    assert commit_keys(tree, [copy], NOW).out
    assert follower.read("latest.json") == b"one"
    assert not list(tree.ceremony.rglob("*.json"))


def test_a_root_that_lacks_signatures_is_not_put_in_force_nor_accepted(
    tree: Tree, follower: Follower, tmp_path: Path
) -> None:
    two_holders(tree, tmp_path, "root")
    report = rotate_keys(tree, ["timestamp"], NOW)
    assert not report.out and report.proposals[0].missing == 1
    with pytest.raises(TrustError, match="nothing went out"):
        commit_keys(tree, [], NOW)
    assert follower.read("revocations.json") == EMPTY
    staged = Path(report.proposals[0].path)
    shutil.copy(staged, tree.metadata / staged.name)
    with pytest.raises(RepositoryError, match="root was signed by 1/2"):
        follower.read("revocations.json")


def test_a_copy_that_says_something_else_and_a_bad_signature_are_refused(
    tree: Tree, tmp_path: Path
) -> None:
    _, theirs = two_holders(tree, tmp_path, "root")
    report = renew_keys(tree, NOW)
    staged = next(Path(p.path) for p in report.proposals if p.role == "root")
    other = Metadata.from_bytes(staged.read_bytes())
    other.signed.expires += timedelta(days=1)
    other.signatures.clear()
    (tmp_path / "other.json").write_bytes(other.to_bytes())
    with pytest.raises(InputError, match="is not a copy of"):
        commit_keys(tree, [tmp_path / "other.json"], NOW)
    good = tmp_path / "good.json"
    shutil.copy(staged, good)
    [added] = sign_file(good, open_keys(theirs)).added
    bad = Metadata.from_bytes(good.read_bytes())
    bad.signatures[added].signature = "00" * 64
    (tmp_path / "bad.json").write_bytes(bad.to_bytes())
    with pytest.raises(InputError, match="does not hold"):
        commit_keys(tree, [tmp_path / "bad.json"], NOW)
    assert commit_keys(tree, [good], NOW).out
    with pytest.raises(NotFoundError, match="no key of the role"):
        sign_file(good, open_keys(tmp_path / "nowhere"))


def test_what_cannot_be_is_refused_and_a_dry_run_writes_nothing(tree: Tree) -> None:
    before = published(tree)
    with pytest.raises(UsageError, match="add keys first"):
        rotate_keys(tree, ["root"], NOW, threshold=2)
    with pytest.raises(UsageError, match="names 0 keys"):
        rotate_keys(tree, ["root"], NOW, remove=["zz"])
    with pytest.raises(UsageError, match="no role"):
        rotate_keys(tree, ["mirror"], NOW)
    with pytest.raises(UsageError, match="nothing waits"):
        commit_keys(tree, [], NOW)
    assert rotate_keys(tree, list(ROLES), NOW, dry_run=True).proposals
    assert published(tree) == before
    assert not list(tree.online_keys.glob("*.next.pem"))


def test_what_was_dropped_changes_nothing(tree: Tree, follower: Follower) -> None:
    before = published(tree)
    away = tree.offline_keys.rename(tree.root.parent / "away")
    assert not rotate_keys(tree, ["timestamp"], NOW).out
    assert drop_proposals(tree)
    assert published(tree) == before
    away.rename(tree.offline_keys)
    assert renew_online(tree, NOW + timedelta(days=5))
    assert follower.read("revocations.json") == EMPTY


def test_a_rolled_back_root_and_a_mixed_snapshot_are_rejected(
    tree: Tree, keys: OfflineKeys, follower: Follower
) -> None:
    old = {p.name: p.read_bytes() for p in tree.metadata.glob("*.json")}
    rotate_keys(tree, ["root", "timestamp"], NOW)
    publish_targets(tree, {"latest.json": b"one"}, keys, NOW)
    assert follower.read("latest.json") == b"one"
    new = {p.name: p.read_bytes() for p in tree.metadata.glob("*.json")}
    (tree.metadata / "timestamp.json").write_bytes(old["timestamp.json"])
    with pytest.raises(RepositoryError):  # the key before the rotation
        follower.read("latest.json")
    (tree.metadata / "timestamp.json").write_bytes(new["timestamp.json"])
    newest = Metadata[Timestamp].from_bytes(new["timestamp.json"]).signed.snapshot_meta.version
    (tree.metadata / f"{newest}.snapshot.json").write_bytes(old["1.snapshot.json"])
    fresh = Follower(tree, follower.home.parent / "fresh")
    with pytest.raises(RepositoryError):
        fresh.read("latest.json")
    (tree.metadata / f"{newest}.snapshot.json").write_bytes(new[f"{newest}.snapshot.json"])
    (tree.metadata / "2.root.json").write_bytes(old["1.root.json"])
    with pytest.raises(RepositoryError):
        Follower(tree, follower.home.parent / "fresher").read("latest.json")


def test_an_origin_that_is_gone_has_a_successor_by_the_keys_of_its_root(
    tree: Tree, keys: OfflineKeys, follower: Follower, tmp_path: Path, tuf_clock: TufClock
) -> None:
    publish_targets(tree, {"latest.json": b"one"}, keys, NOW)
    mirror = Tree(tmp_path / "mirror")
    shutil.copytree(tree.root, mirror.root, ignore=shutil.ignore_patterns("online-keys"))
    for day in (4, 8, 12):  # the mirror did not see these any more; the follower did
        tuf_clock.now = NOW + timedelta(days=day)
        renew_online(tree, tuf_clock.now)
        assert follower.read("latest.json") == b"one"
    shutil.rmtree(tree.root)
    tuf_clock.now = NOW + timedelta(days=500)  # and all of it has run out
    follower.fetcher.root = mirror.root
    with pytest.raises(RepositoryError):
        follower.read("latest.json")
    renew_keys(mirror, tuf_clock.now, keys_dir=keys.directory, dry_run=True)
    report = rotate_keys(mirror, ONLINE_ROLES, tuf_clock.now, keys_dir=keys.directory)
    assert report.out
    assert follower.read("latest.json") == b"one"
    later = tuf_clock.now = tuf_clock.now + timedelta(days=5)
    assert renew_online(mirror, later)
    assert follower.read("revocations.json") == EMPTY


@pytest.mark.parametrize("roles", [("timestamp", "snapshot"), ("root", "targets", "revocations")])
def test_a_ceremony_killed_at_any_write_holds_and_is_carried_on(
    tmp_path: Path, roles: tuple[str, ...]
) -> None:
    first, keys, _ = begin(tmp_path / "first")
    publish_targets(first, {"latest.json": b"one"}, keys, NOW)
    for writes in range(40):
        place = tmp_path / str(writes)
        shutil.copytree(tmp_path / "first", place)
        tree = Tree(place / "archive")
        follower = Follower(tree, place / "pinned")
        assert follower.read("latest.json") == b"one"
        try:
            with killed_after(writes):
                rotate_keys(tree, roles, NOW)
            break
        except KeyboardInterrupt:
            pass
        if "targets" not in roles or not (tree.metadata / "2.root.json").exists():
            assert follower.read("latest.json") == b"one"
        if key_status(tree, NOW).proposals:
            assert rotate_keys(tree, roles, NOW).out
        assert not key_status(tree, NOW).proposals
        renew_online(tree, NOW + timedelta(days=4))
        assert follower.read("latest.json") == b"one"
    assert 8 < writes < 39


@settings(costly(10), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("rotate"), st.lists(st.sampled_from(ROLES), min_size=1, unique=True)),
            st.tuples(st.sampled_from(["renew", "online", "publish"]), st.none()),
        ),
        max_size=8,
    ),
    seen=st.integers(1, 3),
)
def test_a_client_with_the_first_root_follows_any_history(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, list[str] | None]], seen: int
) -> None:
    tree, keys, follower = begin(tmp_path_factory.mktemp("history"))
    expected = None
    for number, (step, roles) in enumerate(steps):
        at = NOW + timedelta(hours=number)
        if step == "rotate" and roles:
            assert rotate_keys(tree, roles, at).out
        elif step == "renew":
            assert renew_keys(tree, at).out
        elif step == "online":
            renew_online(tree, at + timedelta(days=4))
        else:
            expected = b"%d" % number
            assert publish_targets(tree, {"latest.json": expected}, keys, at) is Outcome.OUT
        if number % seen == 0:
            assert follower.read("latest.json") == expected
    assert follower.read("latest.json") == expected
    assert follower.read("revocations.json") == EMPTY

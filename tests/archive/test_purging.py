"""Real audio taken back, purged or kept, given back, built and published again."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from phonotheque.archive import (
    IngestReport,
    check_ledger,
    execute_build,
    execute_ingest,
    execute_init,
    execute_publish,
    execute_restore,
    execute_withdraw,
    plan_build,
    plan_ingest,
    plan_init,
    plan_publish,
    plan_restore,
    plan_withdraw,
)
from phonotheque.archive.ledger import iter_ledger
from phonotheque.catalogue import current_build, open_build
from phonotheque.model.edition import Revocations
from phonotheque.model.errors import FormatError
from phonotheque.model.progress import Silent
from phonotheque.rights import CaseState
from phonotheque.storage.documents import read_document, read_settings
from phonotheque.storage.layout import Tree
from phonotheque.vault import Vault
from tests.archive.test_notices import disable, uphold
from tests.archive.test_publish import rows
from tests.support.audio import make_audio
from tests.support.clock import NOW
from tests.support.vault_objects import faults

pytestmark = pytest.mark.usefixtures("tuf_clock")

CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"


def ingest(root: Path) -> IngestReport:
    plan = plan_ingest(Tree(root), [root.parent / "songs"], source=None, kind="auto", now=NOW)
    return execute_ingest(Tree(root), plan, NOW, Silent())


def build(tree: Tree) -> list[tuple[str, str, int]]:
    """Build; title, verdict for streaming and flags of each recording."""
    execute_build(tree, plan_build(tree, NOW.date()), Silent())
    found = current_build(tree)
    assert found is not None
    reader = open_build(found[1], found[0])
    try:
        sql = "SELECT title, stream, flags FROM recordings ORDER BY title"
        return reader.cursor().execute(sql).fetchall()
    finally:
        reader.close()


def publish(tree: Tree, name: str, days: int) -> None:
    at = NOW + timedelta(days=days)
    execute_publish(tree, plan_publish(tree, at, name=name), at, Silent(), workers=1)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `songs`, and with `archive`, where both songs are published."""
    folder = tmp_path_factory.mktemp("purging")
    for title, hertz in (("One", 440.0), ("Two", 500.0)):
        tags = {"title": title, "artist": "A", "license": CC0}
        make_audio(folder / "songs" / f"{title}.flac", hertz=hertz, tags=tags)
    root = folder / "archive"
    execute_init(plan_init(root, name="P", publisher="T", seat="DE"), None, NOW, Silent())
    ingest(root)
    build(Tree(root))
    publish(Tree(root), "one", 0)
    return folder


@pytest.fixture
def tree(published: Path, tmp_path: Path) -> Tree:
    shutil.copytree(published, tmp_path / "own")
    return Tree(tmp_path / "own" / "archive")


def set_policy(tree: Tree, policy: str) -> None:
    text = tree.archive_toml.read_text()
    assert 'withdrawn_audio = "keep"' in text
    tree.archive_toml.write_text(
        text.replace('withdrawn_audio = "keep"', f'withdrawn_audio = "{policy}"')
    )


def place_of(tree: Tree, digest: str) -> Path:
    [(volume, path)] = rows(
        tree.edition("one"), f"SELECT volume, path FROM files WHERE sha256 = '{digest}'"
    )
    return tree.volume(volume) / path


def held(tree: Tree, digest: str) -> bool:
    with Vault.open(tree.vault) as vault:
        there = vault.object(digest) is not None
        assert there == vault.object_path(digest).exists()
        assert (faults(vault), list(vault.check_events())) == ({}, [])
    return there


@pytest.mark.full
def test_what_is_kept_lies_in_the_dark_and_comes_back_with_a_real_build(tree: Tree) -> None:
    report = execute_withdraw(tree, plan_withdraw(tree, ["1"], "error"), NOW, Silent())
    assert report.purged_files == 0
    [file] = read_document(tree.revocations_json, Revocations).files
    assert held(tree, file.sha256) and place_of(tree, file.sha256).exists()
    before = build(tree)
    assert sorted(flags != 0 for _, _, flags in before) == [False, True]
    publish(tree, "two", 1)
    assert rows(tree.edition("two"), "SELECT sha256 FROM tombstones") == [(file.sha256,)]
    execute_restore(tree, plan_restore(tree, ["1"], NOW), NOW, Silent())
    after = build(tree)
    assert [(stream, flags) for _, stream, flags in after] == [("ALLOW", 0), ("ALLOW", 0)]
    publish(tree, "three", 2)
    files = rows(tree.edition("three"), "SELECT sha256, volume FROM files")
    assert files == rows(tree.edition("one"), "SELECT sha256, volume FROM files")
    assert rows(tree.edition("three"), "SELECT sha256 FROM tombstones") == []


@pytest.mark.full
def test_what_is_purged_is_gone_from_vault_and_volume_and_stays_in_the_history(tree: Tree) -> None:
    set_policy(tree, "purge")
    report = execute_withdraw(tree, plan_withdraw(tree, ["1"], "donor"), NOW, Silent())
    assert report.purged_files == 1
    [file] = read_document(tree.revocations_json, Revocations).files
    assert not held(tree, file.sha256) and not place_of(tree, file.sha256).exists()
    again = execute_withdraw(tree, plan_withdraw(tree, ["1"], "donor"), NOW, Silent())
    assert again.purged_files == 0
    [event] = iter_ledger(tree)
    assert [f.sha256 for f in event.items[0].files] == [file.sha256]
    assert list(check_ledger(tree)) == []
    build(tree)
    publish(tree, "two", 1)
    [stone] = rows(tree.edition("two"), "SELECT sha256 FROM tombstones")
    assert stone == (file.sha256,)


def test_a_purge_survives_the_loss_of_the_vault_s_state(tree: Tree) -> None:
    set_policy(tree, "purge")
    execute_withdraw(tree, plan_withdraw(tree, ["1"], "donor"), NOW, Silent())
    for path in tree.vault.glob("state.sqlite*"):
        path.unlink()
    [file] = read_document(tree.revocations_json, Revocations).files
    assert not held(tree, file.sha256)


@pytest.mark.full
def test_purged_audio_comes_back_by_a_new_ingest_after_the_restoration(tree: Tree) -> None:
    set_policy(tree, "purge")
    execute_withdraw(tree, plan_withdraw(tree, ["1"], "donor"), NOW, Silent())
    [file] = read_document(tree.revocations_json, Revocations).files
    refused = ingest(tree.root)
    assert refused.findings_by_code["copy.withdrawn"] == 1
    assert (refused.files_admitted, refused.files_refused) == (0, 1)
    assert not held(tree, file.sha256)
    report = execute_restore(tree, plan_restore(tree, ["1"], NOW), NOW, Silent())
    assert report.missing == [file.sha256] and report.revoked_files == 0
    assert ingest(tree.root).files_admitted == 1
    report = execute_restore(tree, plan_restore(tree, ["1"], NOW), NOW, Silent())
    assert report.missing == []
    assert held(tree, file.sha256) and place_of(tree, file.sha256).exists()
    build(tree)
    publish(tree, "two", 1)
    files = rows(tree.edition("two"), "SELECT sha256, volume FROM files")
    assert files == rows(tree.edition("one"), "SELECT sha256, volume FROM files")


def test_a_notice_purges_only_when_it_is_upheld(tree: Tree, tmp_path: Path) -> None:
    set_policy(tree, "purge")
    case = disable(tree, tmp_path)
    [file] = read_document(tree.revocations_json, Revocations).files
    assert held(tree, file.sha256) and place_of(tree, file.sha256).exists()
    report = uphold(tree, case)
    assert (report.state, report.purged_files) == (CaseState.UPHELD, 1)
    assert not held(tree, file.sha256) and not place_of(tree, file.sha256).exists()
    assert uphold(tree, case).purged_files == 0


def test_a_policy_that_is_neither_is_refused_before_anything_is_done(tree: Tree) -> None:
    set_policy(tree, "burn")
    with pytest.raises(FormatError, match=r"archive\.toml: withdrawn_audio is 'burn'; write keep"):
        plan_withdraw(tree, ["1"], "donor")
    with pytest.raises(FormatError, match="burn"):
        read_settings(tree)

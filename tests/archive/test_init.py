"""An archive is made once, completely, and never made again."""

from pathlib import Path
from unittest.mock import patch

import pytest

from phonotheque.archive import InitReport, execute_init, init, plan_init
from phonotheque.model.edition import Revocations
from phonotheque.model.errors import UsageError
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import read_document, read_settings
from phonotheque.storage.layout import Tree
from tests.support.clock import NOW

NAMED = {"name": "A", "publisher": "Tests", "seat": "DE"}


def make(root: Path) -> InitReport:
    return execute_init(
        plan_init(root, name="Küçük Arşiv", publisher="Tests", seat="DE"), None, NOW, Silent()
    )


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in root.parent.rglob("*") if p.is_file()}


def test_a_new_archive_has_settings_keys_and_signed_metadata(tmp_path: Path) -> None:
    report = make(tmp_path / "a")
    tree = Tree(tmp_path / "a")
    settings = read_settings(tree)
    assert report.created and settings.slug == "kucuk-arsiv" and len(settings.id_key) == 32
    assert read_document(tree.revocations_json, Revocations).files == []
    assert {p.name for p in tree.offline_keys.glob("*.pem")} == {"root.pem", "targets.pem"}
    assert (tree.metadata / "timestamp.json").exists()


def test_a_second_init_says_so_and_changes_nothing(tmp_path: Path) -> None:
    first = make(tmp_path / "a")
    before = snapshot(tmp_path / "a")
    second = execute_init(
        plan_init(tmp_path / "a", name="Other", publisher="Others", seat="FR"), None, NOW, Silent()
    )
    assert not second.created and second.id == first.id
    assert snapshot(tmp_path / "a") == before


def test_an_init_that_was_killed_is_completed(tmp_path: Path) -> None:
    plan = plan_init(tmp_path / "a", **NAMED)
    killed = patch.object(init, "write_document", side_effect=KeyboardInterrupt)
    with killed, pytest.raises(KeyboardInterrupt):
        execute_init(plan, None, NOW, Silent())
    keys = (Tree(tmp_path / "a").offline_keys / "root.pem").read_bytes()
    again = plan_init(tmp_path / "a", **NAMED)
    assert not again.exists
    execute_init(again, None, NOW, Silent())
    assert (Tree(tmp_path / "a").offline_keys / "root.pem").read_bytes() == keys


def test_settings_can_be_given(tmp_path: Path) -> None:
    tables = {"volumes": {"max_files": 3}, "publish": {"webseeds": ["http://x"]}}
    plan = plan_init(
        tmp_path / "a", **NAMED, slug="my-music", keys_dir=tmp_path / "usb", overrides=tables
    )
    assert plan.settings.volumes.max_files == 3
    assert plan.settings.publish.webseeds == ("http://x",)
    execute_init(plan, b"secret", NOW, Silent())
    assert read_settings(Tree(tmp_path / "a")).publish.offline_keys == str(tmp_path / "usb")
    assert b"ENCRYPTED" in (tmp_path / "usb" / "root.pem").read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"slug": "Not a slug"}, "slug"),
        ({"seat": "Germany"}, "ISO 3166"),
        ({"name": " "}, "name"),
        ({"overrides": {"volumes": {"max_fils": 3}}}, "max_fils"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, options: dict[str, object], said: str
) -> None:
    given: dict[str, object] = {**NAMED, **options}
    with pytest.raises(UsageError, match=said):
        plan_init(tmp_path / "a", **given)  # type: ignore[arg-type]
    assert not (tmp_path / "a").exists()


def test_keys_are_not_kept_in_the_archive(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="offline keys"):
        plan_init(tmp_path / "a", **NAMED, keys_dir=tmp_path / "a" / "keys")


def test_a_directory_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(UsageError, match=r"holiday\.jpg"):
        plan_init(tmp_path, **NAMED)

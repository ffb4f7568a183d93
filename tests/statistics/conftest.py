"""An archive with three editions, one recording of which is withdrawn in the last."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from phonotheque.archive import execute_withdraw, plan_withdraw, publish
from phonotheque.model.progress import Silent
from phonotheque.storage.layout import Tree
from tests.archive.test_publish import SONGS, release
from tests.archive.workshop import FolderVault, Song, Workshop
from tests.support.clock import NOW

EXTRA = [Song("Late", "Zaz", listens=5, tier=3, size=500)]


@pytest.fixture(scope="session")
def tree() -> Iterator[Tree]:
    with (
        TemporaryDirectory() as folder,
        patch.object(publish, "open_vault", FolderVault.of),
        patch.object(publish, "plan_build", lambda *_: SimpleNamespace(nothing_new=True)),
    ):
        workshop = Workshop(Path(folder) / "archive")
        workshop.build(SONGS)
        release(workshop.tree, "one")
        workshop.build(SONGS + EXTRA)
        release(workshop.tree, "two", days=1)
        execute_withdraw(workshop.tree, plan_withdraw(workshop.tree, ["1"], "donor"), NOW, Silent())
        workshop.build(SONGS + EXTRA)
        release(workshop.tree, "three", days=2)
        yield workshop.tree

"""One run of the demo, which several tests look at."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.whole.program import phonotheque


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Folder and result of ``phonotheque demo``, on Debian's music where that can be fetched."""
    folder = tmp_path_factory.mktemp("demo") / "work"
    ran = phonotheque("demo", "--headless", "--json", "--dir", folder, timeout=170)
    return folder, json.loads(ran.out)

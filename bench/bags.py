"""Making a bag, against the Library of Congress' bagit.py (part of the bench `edition`)."""

import shutil
from collections.abc import Callable
from hashlib import file_digest
from pathlib import Path

import bagit

from bench.torrents import Folder, best_of
from phonotheque.edition import place_file
from phonotheque.edition.bag import format_bag

INFO = [("Source-Organization", "Bench"), ("Bagging-Date", "2026-11-01")]


def measure(folder: Folder, scratch: Path) -> dict[str, float]:
    """CPU seconds: `bag` from the digests that the vault has, as `publish` makes it; `bag_sha256`
    with one read of every file for them; `bagit_py`, which reads too. All link, none copies.

    Raises:
        bagit.BagError: bagit.py does not accept what we made.
    """
    digests = {file.path: _sha256(file.source) for file in folder.files}

    def known() -> None:
        _write(folder, scratch / "ours", digests)

    def read() -> None:
        found = {file.path: _sha256(file.source) for file in folder.files}
        _write(folder, scratch / "ours", found)

    def by_bagit() -> None:
        target = scratch / "theirs"
        shutil.rmtree(target, ignore_errors=True)
        for file in folder.files:
            place_file(file.source, target / file.path.removeprefix("data/"))
        bagit.make_bag(str(target), dict(INFO), checksums=["sha256"])

    ways: dict[str, Callable[[], object]] = {
        "bag": known, "bag_sha256": read, "bagit_py": by_bagit
    }  # fmt: skip
    best = best_of(ways, 2)
    bagit.Bag(str(scratch / "ours")).validate()
    return best


def _write(folder: Folder, target: Path, digests: dict[str, str]) -> None:
    shutil.rmtree(target, ignore_errors=True)
    for file in folder.files:
        place_file(file.source, target / file.path)
    payload = [(file.path, digests[file.path], file.size_bytes) for file in folder.files]
    for name, content in format_bag(payload, INFO, {}).items():
        (target / name).write_bytes(content)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()

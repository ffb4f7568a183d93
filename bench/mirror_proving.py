"""Verifying and mending a mirror (part of the bench `mirror`): against hashing alone and bagit.py,
what a killed verification costs when it goes on, and what is fetched for each damaged file."""

import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.origin import TinyOrigin

from bench import verify as verifying
from phonotheque.mirror import plan_mirror, repair, save_plan, sync, verify
from phonotheque.model.progress import Silent
from phonotheque.storage.layout import Tree

PIECE_BYTES = 512 << 10  # as volumes of ordinary tracks have
DAMAGED = 20  # files of one flipped byte each
NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Killing(Silent):
    """Kills its process when so many bytes were read."""

    def __init__(self, after_bytes: int) -> None:
        self.left = after_bytes

    def advance(self, amount: int = 1) -> None:
        """Count; and at the end of the count, kill."""
        self.left -= amount
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def measure(scale: str) -> dict[str, Any]:
    """The figures, in the form of a bench."""
    figures = verifying.run(scale)
    volumes, files, size = verifying.SCALES[scale]
    with TemporaryDirectory(dir=os.environ.get("PHONOTHEQUE_BENCH_DIR")) as scratch:
        origin = TinyOrigin(Path(scratch) / "archive", piece_length=PIECE_BYTES)
        origin.publish(verifying.recordings(volumes, files, size))
        tree = Tree(Path(scratch) / "mirror")
        save_plan(tree, plan_mirror(tree, Silent(), now=NOW, origin=str(origin.root)))
        sync(tree, Silent(), now=NOW)
        figures["ours"] |= _killed(tree, figures["ours"]["verify_gb_per_second"])
        mended = _mended(tree)
    figures["ratios"] |= mended
    return figures


def _killed(tree: Tree, gb_per_second: float) -> dict[str, float]:
    """How much is read twice when a verification is killed half way, and how long that takes;
    bagit.py reads all again."""
    whole = verify(tree, Silent(), now=NOW).bytes_read
    child = os.fork()
    if child == 0:
        verify(tree, Killing(whole * 2 // 5), now=NOW)
        os._exit(0)
    os.waitpid(child, 0)
    rest = verify(tree, Silent(), now=NOW)
    if not (rest.clean and rest.complete and rest.carried):
        raise RuntimeError("the verification that went on is not whole")
    twice = max(rest.bytes_read + whole * 2 // 5 - whole, 0)
    return {
        "restart_reread_mb": twice / 1e6,
        "restart_reread_seconds": twice / 1e9 / gb_per_second,
        "restart_reread_share": twice / whole,
    }


def _mended(tree: Tree) -> dict[str, float]:
    """Bytes fetched for each file with one flipped byte, and over the pieces that were bad."""
    audio = sorted(tree.volumes.glob("*/data/*/*"))[::7][:DAMAGED]
    for path in audio:
        path.chmod(0o644)
        with path.open("r+b") as stream:
            stream.seek(path.stat().st_size // 3)
            byte = stream.read(1)
            stream.seek(-1, os.SEEK_CUR)
            stream.write(bytes([byte[0] ^ 1]))
    report = repair(tree, Silent(), now=NOW)
    if report.files_repaired != len(audio) or report.findings:
        raise RuntimeError("not everything was mended")
    per_file = report.bytes_fetched / len(audio)
    return {
        "repair_bytes_per_damaged_file": per_file,
        "repair_fetched_vs_bad_pieces": per_file / PIECE_BYTES,
        "repair_fetched_vs_whole_files": per_file / audio[0].stat().st_size,
    }

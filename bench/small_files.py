"""Taking in very many very small files: files a minute, and what memory the parent needs for it.

Files of 1 to 4 KiB, a third each of FLAC, Opus and WAVE, all different and all sound, are made
(`small` 2,000, `large` 100,000; `--set count=N`), ingested as CC0 by a rights.toml, ingested once
more unchanged, and verified. `--set work=DIR` keeps them there.
"""

import os
import struct
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tests.support.audio_bombs import ogg_page
from tests.support.audio_corpus import FORMS, encode, melody
from tests.support.audio_structure import crc8_of, parts_of
from tests.support.clock import NOW

from bench.costs import cost_apart
from phonotheque.archive import execute_ingest, plan_ingest
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from phonotheque.vault import Vault

COUNTS = {"small": 2_000, "large": 100_000}
FILES_IN_A_FOLDER = 1_000
RATE_HZ, FRAME_SAMPLES, FRAMES = 16_000, 192, 8
OPUS_PIECES = 64
RIGHTS = '[[rights]]\nlicence = "CC0-1.0"\nholder = "Nobody"\n'


def run(scale: str, *, count: str = "", work: str = "") -> dict[str, Any]:
    """Files a minute of wall time and per CPU-second, and peak memory."""
    wanted = int(count) if count else COUNTS[scale]
    with TemporaryDirectory(dir=os.environ.get("PHONOTHEQUE_BENCH_DIR")) as scratch:
        place = Path(work) if work else Path(scratch)
        total = make_files(place / "songs", wanted)
        tree = Tree(place / "archive")
        first = cost_apart(lambda: ingest_all(tree, place / "songs", wanted))
        again = cost_apart(lambda: ingest_all(tree, place / "songs", wanted))
        checked = cost_apart(lambda: _verify(tree))
    return {
        "ours": {
            "files": wanted,
            "bytes": total,
            "files_per_minute": wanted / first.seconds * 60,
            "files_per_cpu_second": wanted / first.cpu_seconds,
            "parent_peak_mib": first.peak_mib,
            "worker_peak_mib": first.children_peak_mib,
            "unchanged_files_per_minute": wanted / again.seconds * 60,
            "verify_files_per_minute": wanted / checked.seconds * 60,
            "verify_peak_mib": checked.peak_mib,
        },
        "limits": {"files_per_minute_aimed_at": 5_000},
    }


def make_files(folder: Path, count: int) -> int:
    """Write `count` files, a thousand to a folder; returns their bytes."""
    total = 0
    for number, (suffix, content) in enumerate(_iter_files(count)):
        place = folder / f"{number // FILES_IN_A_FOLDER:03d}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:06d}.{suffix}").write_bytes(content)
        total += len(content)
    (folder / "rights.toml").write_text(RIGHTS)
    return total


def _iter_files(count: int) -> Iterator[tuple[str, bytes]]:
    pieces = [_Opus(seed) for seed in range(min(OPUS_PIECES, count // 3 + 1))]
    flac, rng = _Flac(), np.random.default_rng(5)
    for number in range(count):
        if number % 3 == 0:
            yield "flac", flac.with_number(number)
        elif number % 3 == 1:
            yield "opus", pieces[number % len(pieces)].with_number(number)
        else:
            yield "wav", _wave(rng.integers(-9_000, 9_000, 1_200).astype("<i2").tobytes())


def _wave(samples: bytes) -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(samples))
    return b"RIFF" + struct.pack("<I", len(body) + len(samples)) + body + samples


class _Flac:
    """FLAC of eight frames, each one of eight that were made before (16 million different files),
    with a true MD5 (RFC 9639)."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        shape = (FRAMES, 8, FRAME_SAMPLES)
        self._samples = rng.integers(-9_000, 9_000, shape).astype(">i2")
        self._frames = [
            [_verbatim_frame(n, self._samples[n, k].tobytes()) for k in range(8)]
            for n in range(FRAMES)
        ]

    def with_number(self, number: int) -> bytes:
        """The file of this number below 8^8, with a title."""
        chosen = [number >> 3 * place & 7 for place in range(FRAMES)]
        audio = b"".join(self._samples[n, k].astype("<i2").tobytes() for n, k in enumerate(chosen))
        said = RATE_HZ << 44 | 15 << 36 | FRAMES * FRAME_SAMPLES
        info = struct.pack(">HH6xQ", FRAME_SAMPLES, FRAME_SAMPLES, said)
        info += md5(audio, usedforsecurity=False).digest()
        text = f"TITLE=Piece {number}".encode()
        comment = struct.pack("<III", 0, 1, len(text)) + text
        head = b"fLaC\0" + len(info).to_bytes(3, "big") + info
        head += b"\x84" + len(comment).to_bytes(3, "big") + comment
        return head + b"".join(self._frames[n][k] for n, k in enumerate(chosen))


def _verbatim_frame(number: int, samples: bytes) -> bytes:
    head = bytes([0xFF, 0xF8, 0x15, 0x08, number])  # 192 samples, 16 kHz, mono, 16 bits
    frame = head + bytes([crc8_of(head)]) + b"\x02" + samples
    crc = 0
    for byte in frame:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x8005 if crc & 0x8000 else 0)) & 0xFFFF
    return frame + crc.to_bytes(2, "big")


class _Opus:
    """One piece of Opus, to be given other comments."""

    def __init__(self, seed: int) -> None:
        whole = encode(FORMS["opus"], melody(0.15, 48_000, 2, seed))
        pages = [p for p in parts_of(whole) if p.label == "page"]
        self._serial = int.from_bytes(whole[14:18], "little")
        self._head, self._rest = whole[: pages[0].end], whole[pages[2].start :]

    def with_number(self, number: int) -> bytes:
        """The piece with this number in its title."""
        text = f"TITLE=Piece {number}".encode()
        packet = b"OpusTags" + struct.pack("<III", 0, 1, len(text)) + text
        return self._head + ogg_page(packet, 1, 0, self._serial) + self._rest


def ingest_all(tree: Tree, folder: Path, wanted: int) -> None:
    """Ingest all of `folder` into the archive, which is made where it is not."""
    if not tree.archive_toml.exists():
        settings = ArchiveSettings(
            format=1, id="x", id_key="00" * 16, name="T", slug="t", publisher="P", seat="DE"
        )
        write_document(tree.archive_toml, settings)
    plan = plan_ingest(tree, [folder], source="small", kind="auto", now=NOW)
    report = execute_ingest(tree, plan, NOW, Silent())
    if report.files_admitted + report.files_held_already != wanted:
        raise RuntimeError(f"not all were admitted: {report.findings_by_code}")


def _verify(tree: Tree) -> None:
    with Vault.open(tree.vault) as vault:
        findings = [*vault.check_objects(), *vault.check_events()]
    if findings:
        raise RuntimeError(f"the vault of the bench is not sound: {findings[:3]}")

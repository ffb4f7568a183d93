"""Making torrents of a folder, by us and by others, in turns (part of the bench `edition`).

CPU seconds of this process and its children count, the best of the turns, so a busy machine
disturbs little. The limit is what hashlib takes for the same passes over memory. Where a peer makes
less than we do, there is a second figure for it with what it leaves out: libtorrent has no SHA-256
of whole files, which takes one more read; torf makes the v1 half alone, and is given the bare
hashes of the v2 half without a read.
"""

import resource
import shutil
import subprocess
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import file_digest, sha1, sha256
from pathlib import Path

import libtorrent as lt
import numpy as np
import torf

from phonotheque.edition import CreatedTorrent, VolumeFile, choose_piece_length, create_torrent
from phonotheque.storage.digests import digest_file

BLOCK = 16_384
TURNS = 4
COMMANDS = {  # v1 alone; {exponent}: of the piece length
    "mktorrent": ["mktorrent", "-l", "{exponent}", "-t", "1", "-o", "{target}", "{root}"],
    "transmission_create": ["transmission-create", "-o", "{target}", "{root}"],
}


@dataclass(frozen=True)
class Folder:
    """A volume to be: `root` with `files` in it, `total` bytes."""

    root: Path
    files: list[VolumeFile]

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(file.size_bytes for file in self.files)


def cpu_seconds() -> float:
    """Of this process and the children that it waited for, so far."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def best_of(ways: dict[str, Callable[[], object]], turns: int = TURNS) -> dict[str, float]:
    """The least CPU seconds of each way; all take turns."""
    best: dict[str, float] = {}
    for _ in range(turns):
        for name, work in ways.items():
            begin = cpu_seconds()
            work()
            best[name] = min(best.get(name, float("inf")), cpu_seconds() - begin)
    return best


def write_folder(root: Path, count: int, mean_bytes: int) -> Folder:
    """Files of random bytes, sizes spread round the mean (lognormal)."""
    rng = np.random.default_rng(7)
    spread = 0.55
    sizes = rng.lognormal(np.log(mean_bytes) - spread**2 / 2, spread, count).astype(int)
    files = []
    for number, size in enumerate(sizes.tolist()):
        path = root / "data" / f"artist {number % 20:02d}" / f"{number:05d}.ogg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rng.bytes(size))
        files.append(VolumeFile(path.relative_to(root).as_posix(), path, size))
    return Folder(root, files)


def measure(folder: Folder) -> tuple[dict[str, float], dict[str, float], bool]:
    """(CPU seconds of the hashes alone, of every way, whether libtorrent has our info hashes)."""
    length = choose_piece_length([f.size_bytes for f in folder.files])
    known = [_known(file) for file in folder.files]
    made: list[CreatedTorrent] = []
    hashes: list[tuple[str, str]] = []
    limits: dict[str, Callable[[], object]] = {
        "limit_hybrid_sha256": lambda: bare_hashes(folder, length, whole=True),
        "limit_hybrid": lambda: bare_hashes(folder, length, whole=False),
    }
    ways: dict[str, Callable[[], object]] = {
        "hybrid_sha256": lambda: made.append(ours(folder.files, length)),
        "hybrid": lambda: made.append(ours(known, length)),
        "libtorrent_hybrid": lambda: hashes.append(by_libtorrent(folder.root, length)),
        "libtorrent_hybrid_sha256": lambda: (
            by_libtorrent(folder.root, length), whole_digests(folder)
        ),
        "torf_v1": lambda: by_torf(folder.root, length),
        "torf_v1_and_bare_v2": lambda: (
            by_torf(folder.root, length), bare_hashes(folder, length, whole=False, v1=False)
        ),
        **by_commands(folder.root, length),
    }  # fmt: skip
    best = best_of(limits | ways)
    same = {(m.info_hash_v1, m.info_hash_v2) for m in made} == set(hashes)
    return (
        {name: best[name] for name in limits},
        {name: best[name] for name in ways},
        same,
    )


def bare_hashes(folder: Folder, piece_length: int, *, whole: bool, v1: bool = True) -> None:
    """The passes over as many bytes of memory, file by file: blocks of 16 KiB, `v1` pieces, and
    the `whole` file; no trees."""
    memory = memoryview(bytes(256 << 10))
    for file in folder.files:
        of_all, piece, left = sha256(), sha1(usedforsecurity=False), file.size_bytes
        while left:
            chunk = memory[: min(left, len(memory))]
            for start in range(0, len(chunk), BLOCK):
                sha256(chunk[start : start + BLOCK]).digest()
            if whole:
                of_all.update(chunk)
            if v1:
                piece.update(chunk)
            left -= len(chunk)
        if v1:  # the zeros that fill the last piece are hashed too
            piece.update(bytes(-file.size_bytes % piece_length))


def ours(files: list[VolumeFile], piece_length: int) -> CreatedTorrent:
    """By our own creator, on one thread."""
    with ThreadPoolExecutor(1) as pool:
        return create_torrent("volume", files, piece_length, pool)


def by_libtorrent(root: Path, piece_length: int) -> tuple[str, str]:
    """Info hashes by libtorrent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = lt.file_storage()
        lt.add_files(storage, str(root))
        creator = lt.create_torrent(storage, piece_length)
        lt.set_piece_hashes(creator, str(root.parent))
        limits = {"max_buffer_size": 1 << 28, "max_decode_tokens": 1 << 28}
        info = lt.torrent_info(lt.bencode(creator.generate()), limits)
    return str(info.info_hashes().v1), str(info.info_hashes().v2)


def whole_digests(folder: Folder) -> list[str]:
    """SHA-256 of each file, by hashlib, as a program would that has libtorrent make the torrent."""
    found = []
    for file in folder.files:
        with file.source.open("rb") as stream:
            found.append(file_digest(stream, "sha256").hexdigest())
    return found


def by_torf(root: Path, piece_length: int) -> None:
    """A v1 torrent by torf, on one thread."""
    torf.Torrent(path=root, piece_size=piece_length).generate(threads=1)


def by_commands(root: Path, piece_length: int) -> dict[str, Callable[[], object]]:
    """v1 torrents by the programs of `COMMANDS` that are installed."""

    def way(command: list[str]) -> Callable[[], object]:
        target = root.parent / "peer.torrent"
        exponent = piece_length.bit_length() - 1
        filled = [a.format(exponent=exponent, target=target, root=root) for a in command]

        def work() -> None:
            target.unlink(missing_ok=True)
            subprocess.run(filled, check=True, capture_output=True)

        return work

    return {
        f"{name}_v1": way(command) for name, command in COMMANDS.items() if shutil.which(command[0])
    }


def _known(file: VolumeFile) -> VolumeFile:
    """With the digests that the vault has of each file."""
    digests = digest_file(file.source)
    return replace(file, sha256=digests.sha256.hex(), pieces_root=digests.pieces_root.hex())

"""Bringing the missing files of one volume: over HTTP, from the swarm, each proved, then placed."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import islice
from pathlib import Path

from phonotheque.mirror.expected import ExpectedFile, ExpectedVolume
from phonotheque.mirror.origin import MissingError
from phonotheque.mirror.placing import Names, settle_contents
from phonotheque.mirror.state import Placing
from phonotheque.mirror.swarm import SwarmJob, SwarmOptions, download
from phonotheque.mirror.transfer import SETTLE_BYTES, DamagedError, Fetcher, Wanted
from phonotheque.model.errors import TransferError
from phonotheque.storage.digests import Digests, digest_file
from phonotheque.storage.durable import ensure_directory, write_bytes
from phonotheque.storage.layout import Tree

Missing = dict[str, ExpectedFile]
Failures = dict[str, str]  # path in the volume -> why it did not come
_AHEAD = 64
_BATCH = 256  # staged files that are settled together


def find_missing(volume: ExpectedVolume, place: Placing) -> Missing:
    """Files of the volume that are not here and proved; a file not known to be sound is read."""
    folder = f"volumes/{volume.name}"
    proved = place.proved_below(folder)
    missing: Missing = {}
    for path, file in volume.files.items():
        target = place.tree.volume(volume.name) / path
        if not target.is_file():
            missing[path] = file
            continue
        known = proved.get(f"{folder}/{path}")
        if known and known.is_of(target.stat(), file.sha256):
            continue
        digests = digest_file(target)
        if file.matches(digests):
            place.note(target, digests.sha256.hex())
        else:
            missing[path] = file
    return missing


def bring_over_http(
    volume: str, missing: Missing, place: Placing, fetcher: Fetcher, connections: int
) -> tuple[int, Failures]:
    """Fetch the missing files, a few at a time; returns the bytes received and what did not come.

    `missing` loses what came. A file that the origins do not have, or have damaged, is a failure
    of its own; a `TransferError` means that nobody delivers at all, and goes up.
    """
    received, failures = 0, Failures()
    staging = place.tree.root / "incoming" / "http" / volume
    names = Names()

    def fetch(file: ExpectedFile) -> tuple[Digests, int]:
        return fetcher.stage(wanted_of(volume, file), staging / file.path)

    with ThreadPoolExecutor(connections) as pool:
        try:
            for done in _bounded(pool, fetch, list(missing.values())):
                came, failed = [], None
                for file, future in done:
                    try:
                        digests, count = future.result()
                    except (MissingError, DamagedError) as error:
                        failures[file.path] = str(error)
                    except TransferError as error:
                        failed = error
                    else:
                        received += count
                        came.append((file, digests))
                place_fetched(volume, came, place, names)
                for file, _ in came:
                    del missing[file.path]
                if failed is not None:
                    raise failed
        except BaseException:
            fetcher.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
        finally:
            names.settle()
    return received, failures


def place_fetched(
    volume: str, came: Sequence[tuple[ExpectedFile, Digests]], place: Placing, names: Names
) -> None:
    """Give files that `Fetcher.stage` brought their places, and note them."""
    staging = place.tree.root / "incoming" / "http" / volume
    small = [staging / f.path for f, _ in came if f.size_bytes < SETTLE_BYTES]
    settle_contents(small)
    for file, digests in came:
        target = place.tree.volume(volume) / file.path
        ensure_directory(target.parent)
        (staging / file.path).replace(target)
        names.add(target.parent)
        place.note(target, digests.sha256.hex())


def wanted_of(volume: str, file: ExpectedFile) -> Wanted:
    """What to ask origins for, and what proves it."""
    known = None
    if file.sha256 is not None:
        known = Digests(file.size_bytes, bytes.fromhex(file.sha256), file.pieces_root)
    return Wanted(f"volumes/{volume}/{file.path}", file.size_bytes, file.matches, known)


def bring_from_swarm(
    volume: ExpectedVolume, missing: Missing, place: Placing, options: SwarmOptions,
    tick: Callable[[int], None],
) -> tuple[int, Failures]:  # fmt: skip
    """Fetch the missing files from the swarm; as `bring_over_http`.

    Raises:
        TransferError: the swarm did not deliver; what it brought is kept for the next run.
    """
    staging = place.tree.root / "incoming" / "swarm"
    job = SwarmJob(
        torrent=volume.torrent_path,
        indexes=frozenset(file.torrent.index for file in missing.values()),
        staging=staging,
        resume=staging / f"{volume.name}.resume",
    )
    received = download(job, options, tick)
    failures = place_staged(volume.name, missing, place)
    if failures:  # taken for written, and not: without what was kept, libtorrent looks at the disk
        left = frozenset(missing[path].torrent.index for path in failures)
        received += download(replace(job, indexes=left), options, tick)
        failures = place_staged(volume.name, missing, place)
    return received, failures


def place_staged(volume: str, missing: Missing, place: Placing) -> Failures:
    """Prove what the swarm staged and move it into its place; `missing` loses what was good."""
    failures: Failures = {}
    names = Names()
    staging = place.tree.root / "incoming" / "swarm" / volume
    left = iter(list(missing.values()))
    while batch := list(islice(left, _BATCH)):
        sound, bad = prove_staged(staging, batch)
        failures |= dict.fromkeys(bad, "what the swarm brought is not what was signed for")
        for file, digests in sound:
            target = place.tree.volume(volume) / file.path
            ensure_directory(target.parent)
            (staging / file.path).replace(target)
            names.add(target.parent)
            place.note(target, digests.sha256.hex())
            del missing[file.path]
    names.settle()
    return failures


def prove_staged(
    staging: Path, files: Sequence[ExpectedFile], waits: Sequence[float] = ()
) -> tuple[list[tuple[ExpectedFile, Digests]], list[str]]:
    """Those of the staged `files` that are sound, their contents on the disk, read-only; and the
    paths of those that are not, which are thrown away. What is not sound is looked at again after
    each of `waits`, in seconds: it may still be written."""
    sound, bad = [], []
    for file in files:
        staged = staging / file.path
        if not file.size_bytes:
            write_bytes(staged, b"")
        digests = _sound_digests(staged, file)
        for seconds in waits:
            if digests is not None:
                break
            time.sleep(seconds)
            digests = _sound_digests(staged, file)
        if digests is None:
            staged.unlink(missing_ok=True)
            bad.append(file.path)
            continue
        staged.chmod(0o444)
        sound.append((file, digests))
    settle_contents([staging / file.path for file, _ in sound])
    return sound, bad


def _sound_digests(staged: Path, file: ExpectedFile) -> Digests | None:
    digests = digest_file(staged) if staged.is_file() else None
    return digests if digests is not None and file.matches(digests) else None


def clear_staging(tree: Tree, volume: str) -> None:
    """Remove what is staged of a volume; it is whole."""
    for kind in ("http", "swarm"):
        shutil.rmtree(tree.root / "incoming" / kind / volume, ignore_errors=True)
    (tree.root / "incoming" / "swarm" / f"{volume}.resume").unlink(missing_ok=True)


def bytes_of(missing: Mapping[str, ExpectedFile]) -> int:
    """Bytes of the files in `missing`."""
    return sum(file.size_bytes for file in missing.values())


def _bounded(
    pool: ThreadPoolExecutor,
    fetch: Callable[[ExpectedFile], tuple[Digests, int]],
    files: list[ExpectedFile],
) -> Iterator[list[tuple[ExpectedFile, Future[tuple[Digests, int]]]]]:
    """Futures as they end, those that have ended meanwhile together; only a few wait in the pool,
    so that a failure ends it soon."""
    left = iter(files)
    running = {pool.submit(fetch, file): file for file in islice(left, _AHEAD)}
    while running:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        ended = [(running.pop(future), future) for future in done]
        for file in islice(left, len(ended)):
            running[pool.submit(fetch, file)] = file
        yield ended

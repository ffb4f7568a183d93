"""Bringing the missing files of one volume: over HTTP, from the swarm, each proved, then placed."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

from phonotheque.mirror.expected import ExpectedFile, ExpectedVolume
from phonotheque.mirror.origin import MissingError
from phonotheque.mirror.state import Placing
from phonotheque.mirror.swarm import SwarmJob, SwarmOptions, download
from phonotheque.mirror.transfer import DamagedError, Fetcher, Wanted
from phonotheque.storage.digests import Digests, digest_file
from phonotheque.storage.durable import commit_file, ensure_directory, write_bytes
from phonotheque.storage.layout import Tree

Missing = dict[str, ExpectedFile]
Failures = dict[str, str]  # path in the volume -> why it did not come
_AHEAD = 64


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

    def fetch(file: ExpectedFile) -> tuple[Digests, int]:
        remote = f"volumes/{volume}/{file.path}"
        wanted = Wanted(remote, file.size_bytes, file.matches)
        partial, target = staging / file.path, place.tree.volume(volume) / file.path
        return fetcher.fetch(wanted, partial, target)

    with ThreadPoolExecutor(connections) as pool:
        try:
            for file, future in _bounded(pool, fetch, list(missing.values())):
                try:
                    digests, count = future.result()
                except (MissingError, DamagedError) as error:
                    failures[file.path] = str(error)
                    continue
                received += count
                place.note(place.tree.volume(volume) / file.path, digests.sha256.hex())
                del missing[file.path]
        except BaseException:
            fetcher.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return received, failures


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
    return received, place_staged(volume.name, missing, place)


def place_staged(volume: str, missing: Missing, place: Placing) -> Failures:
    """Prove what the swarm staged and move it into its place; `missing` loses what was good."""
    failures: Failures = {}
    for path, file in list(missing.items()):
        staged = place.tree.root / "incoming" / "swarm" / volume / path
        target = place.tree.volume(volume) / path
        if not file.size_bytes:
            write_bytes(staged, b"")
        digests = digest_file(staged) if staged.is_file() else None
        if digests is None or not file.matches(digests):
            staged.unlink(missing_ok=True)
            failures[path] = "what the swarm brought is not what was signed for"
            continue
        ensure_directory(target.parent)
        staged.chmod(0o444)
        commit_file(staged, target)
        place.note(target, digests.sha256.hex())
        del missing[path]
    return failures


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
) -> Iterator[tuple[ExpectedFile, Future[tuple[Digests, int]]]]:
    """Futures as they end; only a few wait in the pool, so that a failure ends it soon."""
    left = iter(files)
    running = {pool.submit(fetch, file): file for file in islice(left, _AHEAD)}
    while running:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield running.pop(future), future
            for file in islice(left, 1):
                running[pool.submit(fetch, file)] = file

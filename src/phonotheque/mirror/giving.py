"""Seeding as a command does it: until it is told to stop."""

from collections.abc import Callable
from datetime import datetime
from threading import Event

from phonotheque.mirror.seeding import Seeder
from phonotheque.model.progress import Progress
from phonotheque.model.seeding import SeedSettings
from phonotheque.storage.layout import Tree

_LOOK_SECONDS = 1.0


def seed(
    tree: Tree,
    progress: Progress,
    stop: Event,
    *,
    listen: str = "0.0.0.0:6881",
    public: bool = False,
    settings: SeedSettings | None = None,
    clock: Callable[[], datetime] | None = None,
) -> int:
    """Seed until `stop` is set; returns the payload bytes given.

    Raises:
        NotFoundError: no edition here.
        TransferError: cannot listen there.
    """
    with Seeder(
        tree, progress, listen=listen, public=public, settings=settings, clock=clock
    ) as seeder:
        count, loaded = len(seeder.volumes), len(seeder.loaded)
        progress.note(f"seeding {count:,} volumes on port {seeder.port}, {loaded:,} in memory")
        progress.start("seeding", None, "bytes")
        given = 0
        while not stop.wait(_LOOK_SECONDS):
            now = seeder.uploaded_bytes()
            progress.advance(max(now - given, 0))
            given = now
        return max(given, seeder.uploaded_bytes())

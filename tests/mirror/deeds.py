"""What a mirror does, as functions of plain values: for processes that are to die of it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from phonotheque.mirror import (
    Limits,
    RepairOptions,
    Via,
    plan_mirror,
    save_plan,
)
from phonotheque.mirror import get as get_one
from phonotheque.mirror import repair as repair_all
from phonotheque.mirror import sync as sync_all
from phonotheque.mirror import verify as verify_all
from phonotheque.model.errors import TransferError
from phonotheque.model.progress import Silent
from phonotheque.storage.layout import Tree

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LISTEN = "127.0.0.1:0"
QUICK = Limits(  # patient with a busy machine: nobody here stalls
    connections=1, attempts=2, backoff_seconds=0.01, timeout_seconds=60.0, stall_seconds=60.0,
    longest_wait_seconds=0.2,
)  # fmt: skip


def _ways(peer: int | None) -> dict[str, Any]:
    return {"peers": [("127.0.0.1", peer)]} if peer else {}


def sync(mirror: str, peer: int | None = None) -> None:
    """Over HTTP, or from the peer at a port of this machine."""
    via = Via.SWARM if peer else Via.HTTP
    report = sync_all(
        Tree(Path(mirror)), Silent(), now=NOW, listen=LISTEN, limits=QUICK, via=via, **_ways(peer)
    )
    if report.findings:
        raise TransferError(report.findings[0].message)


def verify(mirror: str, **wishes: Any) -> None:
    """All of it; what is found is not looked at."""
    verify_all(Tree(Path(mirror)), Silent(), now=NOW, threads=1, **wishes)


def repair(mirror: str, peer: int | None = None) -> None:
    """From the mirror's own origins, or from the peer."""
    peers = (("127.0.0.1", peer),) if peer else ()
    options = RepairOptions(peers=peers, listen=LISTEN, limits=QUICK, jobs=1)
    report = repair_all(Tree(Path(mirror)), Silent(), now=NOW, options=options)
    if report.failed:
        raise TransferError(report.findings[0].message)


def get(source: str, recording: str, target: str, peer: int | None = None) -> None:
    """One recording from a web address or a mirror."""
    get_one(
        source if "://" in source else Tree(Path(source)), recording, Path(target), Silent(),
        via=Via.SWARM if peer else Via.HTTP, listen=LISTEN, limits=QUICK, **_ways(peer),
    )  # fmt: skip


def plan(mirror: str, origin: str, **wishes: Any) -> None:
    """A plan, and saved."""
    tree = Tree(Path(mirror))
    save_plan(tree, plan_mirror(tree, Silent(), now=NOW, origin=origin, **wishes))

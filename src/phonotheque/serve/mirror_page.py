"""What a mirror on a disk of the reader's own would hold, and what to type for it."""

import shlex
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from phonotheque.serve.publication import Publication
from phonotheque.serve.rendering import format_size

if TYPE_CHECKING:
    from phonotheque.mirror import Foreseen, Prospect

UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
USUAL_SHARE = 0.8  # of listens: what is shown where nothing is asked for
_MOST = 10**18


def mirror_values(
    publication: Publication, origin: str, amount: float | None, unit: str, prefer: str
) -> dict[str, Any]:
    """What the page shows of a disk of `amount` GB or TB; None: the smallest with four fifths of
    all listens. `prefer` is ``popular`` or ``complete-tiers``."""
    prospect = publication.once(_prospect)
    whole_tiers = prefer == "complete-tiers"
    curve = prospect.curve(complete_tiers=whole_tiers)
    wanted = None if amount is None else min(int(amount * UNITS[unit]), _MOST)
    if wanted is None:
        likely = (p for p in curve if p.listens_share >= USUAL_SHARE)
        wanted = next(likely, curve[-1]).disk_bytes
    shown, size = split_size(wanted), wanted
    found = prospect.foresee(size, complete_tiers=whole_tiers)
    return {
        "asked": {"amount": shown[0], "unit": shown[1], "prefer": prefer},
        "found": found,
        "most": curve[-1],
        "least_bytes": prospect.least_bytes,
        "commands": mirror_commands(
            origin, root_of(publication), disk_of(size), whole_tiers=whole_tiers
        ),
        "steps": msgspec.json.encode([_step(point) for point in curve]).decode(),
        "steps_count": len(curve),
        "root": root_of(publication),
        "step": sum(point.disk_bytes < size for point in curve[:-1]),
        "steps_shown": curve[:: max(len(curve) // 12, 1)],
    }


def mirror_commands(
    origin: str, root: str | None, disk: str = "500GB", *, whole_tiers: bool = False
) -> str:
    """What to type to keep a copy of the archive at `origin`, whose newest root has the SHA-256
    `root`, on so much `disk`."""
    plan = f"phonotheque plan my-mirror --origin {shlex.quote(origin)} --disk {disk}"
    plan += f" --root {root}" if root else ""
    plan += " --prefer complete-tiers" if whole_tiers else ""
    return "\n".join(
        [
            plan,
            "phonotheque sync my-mirror",
            "phonotheque verify my-mirror",
            "phonotheque serve my-mirror",
        ]
    )


def get_command(origin: str, public_id: str, root: str | None) -> str:
    """What to type to fetch the audio of one recording alone."""
    return f"phonotheque get {shlex.quote(origin)} {public_id}" + (
        f" --root {root}" if root else ""
    )


def root_of(publication: Publication) -> str | None:
    """SHA-256 of the newest root of trust here; None where there is none."""
    path = publication.tree.metadata / "root.json"
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def split_size(size_bytes: int) -> tuple[str, str]:
    """A size as an amount and a unit of this page, at most a little more."""
    unit = next((u for u in ("TB", "GB") if size_bytes >= UNITS[u]), "MB")
    thousandths = -(-size_bytes * 1000 // UNITS[unit])
    return f"{thousandths / 1000:.3f}".rstrip("0").rstrip("."), unit


def disk_of(size_bytes: int) -> str:
    """A size as `--disk` takes it: short where it is round, else in bytes."""
    amount, unit = split_size(size_bytes)
    return (
        f"{amount}{unit}" if round(float(amount) * UNITS[unit]) == size_bytes else f"{size_bytes}"
    )


def _step(point: "Foreseen") -> dict[str, Any]:
    """One place of the slider, in the words of the page."""
    amount, unit = split_size(point.disk_bytes)
    return {
        "amount": amount,
        "unit": unit,
        "disk": disk_of(point.disk_bytes),
        "bytes": format_size(point.bytes),
        "volumes": f"{point.volumes:,}",
        "files": f"{point.files:,}",
        "share": f"{100 * point.listens_share:.1f} %",
    }


def _prospect(publication: Publication) -> "Prospect":
    from phonotheque.mirror import Prospect  # noqa: PLC0415 - half a second, for this page alone

    return Prospect(publication.directory, publication.manifest)

"""What a volunteer asks of a plan, kept in the plan so that the next one repeats it."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import asdict

from phonotheque.mirror.formats import MirrorPlan, PlanWishes
from phonotheque.mirror.planning import plan_path
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree

_NAMES = {
    "disk_bytes": "disk",
    "prefer": "prefer",
    "tiers": "tier",
    "licences": "licence",
    "include": "include",
    "exclude": "exclude",
    "via": "via",
    "index": "index",
    "bytes_per_second": "bandwidth",
    "territories": "territory",
    "artists": "artist",
    "genres": "genre",
}


def kept_wishes(tree: Tree) -> PlanWishes | None:
    """What the saved plan of `tree` was asked for; None without a plan. Of a plan made before
    wishes were kept, only disk and preference are known."""
    if not plan_path(tree).is_file():
        return None
    plan = read_document(plan_path(tree), MirrorPlan)
    return plan.wishes or PlanWishes(disk_bytes=plan.disk_bytes, prefer=plan.prefer)


def merge_wishes(
    given: Mapping[str, Any], kept: PlanWishes | None, *, no_limit: bool = False
) -> tuple[PlanWishes, tuple[str, ...]]:
    """Wishes for a plan: what is `given` now (by field of `PlanWishes`; None: not given), for the
    rest what was `kept`; `no_limit` takes back a limit of disk. Also says what is repeated, in
    words: ``disk 8,000,000 bytes``."""
    said = {name: value for name, value in given.items() if value is not None}
    if no_limit:
        said["disk_bytes"] = None
    wishes = msgspec.structs.replace(kept or PlanWishes(), **said)
    if kept is None:
        return wishes, ()
    return wishes, tuple(_in_words(kept, frozenset(said)))


def _in_words(wishes: PlanWishes, but: frozenset[str]) -> Iterator[str]:
    plain = asdict(PlanWishes())
    for name, value in asdict(wishes).items():
        if name in but or value == plain[name]:
            continue
        if isinstance(value, tuple):
            yield f"{_NAMES[name]} {', '.join(str(one) for one in value)}"
        elif name == "disk_bytes":
            yield f"disk {value:,} bytes"
        elif name == "bytes_per_second":
            yield f"bandwidth {value:,} bytes a second"
        elif name == "index":
            yield "no index"
        elif name == "single_files":
            yield "single files"
        else:
            yield f"{_NAMES[name]} {value}"

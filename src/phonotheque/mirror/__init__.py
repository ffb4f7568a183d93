"""A follower's side: plan what to hold, fetch it, prove it, mend it, seed it.

Nothing of an origin is believed before python-tuf's client has checked it against the root this
mirror hangs on; only proved files stand in `editions/` and `volumes/`. The way of a sync is told
in `syncing`, the documents of a mirror in docs/formats/mirror.md.
"""

from phonotheque.mirror.choosing import Candidate, Choice, Wishes, choose_volumes
from phonotheque.mirror.formats import (
    MirrorPlan,
    MirrorSettings,
    PlannedVolume,
    Preference,
    SyncReport,
    TrustKind,
    Via,
)
from phonotheque.mirror.planning import plan_mirror, read_mirror, read_plan, save_plan
from phonotheque.mirror.swarm import parse_peer
from phonotheque.mirror.syncing import sync
from phonotheque.mirror.transfer import Limits

__all__ = [
    "Candidate",
    "Choice",
    "Limits",
    "MirrorPlan",
    "MirrorSettings",
    "PlannedVolume",
    "Preference",
    "SyncReport",
    "TrustKind",
    "Via",
    "Wishes",
    "choose_volumes",
    "parse_peer",
    "plan_mirror",
    "read_mirror",
    "read_plan",
    "save_plan",
    "sync",
]

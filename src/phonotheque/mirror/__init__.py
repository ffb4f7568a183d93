"""A follower's side: plan what to hold, fetch it, prove it, mend it, seed it.

Nothing of an origin is believed before python-tuf's client has checked it against the root this
mirror hangs on; only proved files stand in `editions/` and `volumes/`. The way of a sync is told
in `syncing`, the documents of a mirror in docs/formats/mirror.md.
"""

from phonotheque.mirror.choosing import Candidate, Choice, Wishes, choose_volumes, unknown_wishes
from phonotheque.mirror.dues import SyncPlan, VolumeDue, plan_sync
from phonotheque.mirror.edition_checks import EditionVerdict, verify_edition
from phonotheque.mirror.following import FollowOptions, follow
from phonotheque.mirror.foreseeing import Foreseen, Prospect
from phonotheque.mirror.formats import (
    CurvePoint,
    EntryReport,
    GetReport,
    LeftOut,
    MirrorPlan,
    MirrorSettings,
    PlannedVolume,
    PlanWishes,
    Preference,
    RepairPlan,
    RepairReport,
    SyncReport,
    TrustKind,
    VerifyReport,
    Via,
)
from phonotheque.mirror.getting import get
from phonotheque.mirror.giving import seed
from phonotheque.mirror.introductions import Introduction, is_magnet, read_magnet
from phonotheque.mirror.journal import VerifyMode
from phonotheque.mirror.meeting import remember, who_answers
from phonotheque.mirror.planning import plan_mirror, read_mirror, read_plan, save_plan
from phonotheque.mirror.reading import origin_reader
from phonotheque.mirror.repairing import RepairOptions, plan_repair, repair
from phonotheque.mirror.sampling import SampleStatement
from phonotheque.mirror.schedule import halting, pause, resume
from phonotheque.mirror.seeding import Seeder, newest_edition
from phonotheque.mirror.seedlist import seed_settings
from phonotheque.mirror.state import Proved, read_proved
from phonotheque.mirror.status import MirrorStatus, read_status
from phonotheque.mirror.swarm import parse_peer
from phonotheque.mirror.syncing import sync
from phonotheque.mirror.transfer import Limits, Stopped
from phonotheque.mirror.verifying import verify
from phonotheque.mirror.wishes import kept_wishes, merge_wishes

__all__ = [
    "Candidate",
    "Choice",
    "CurvePoint",
    "EditionVerdict",
    "EntryReport",
    "FollowOptions",
    "Foreseen",
    "GetReport",
    "Introduction",
    "LeftOut",
    "Limits",
    "MirrorPlan",
    "MirrorSettings",
    "MirrorStatus",
    "PlanWishes",
    "PlannedVolume",
    "Preference",
    "Prospect",
    "Proved",
    "RepairOptions",
    "RepairPlan",
    "RepairReport",
    "SampleStatement",
    "Seeder",
    "Stopped",
    "SyncPlan",
    "SyncReport",
    "TrustKind",
    "VerifyMode",
    "VerifyReport",
    "Via",
    "VolumeDue",
    "Wishes",
    "choose_volumes",
    "follow",
    "get",
    "halting",
    "is_magnet",
    "kept_wishes",
    "merge_wishes",
    "newest_edition",
    "origin_reader",
    "parse_peer",
    "pause",
    "plan_mirror",
    "plan_repair",
    "plan_sync",
    "read_magnet",
    "read_mirror",
    "read_plan",
    "read_proved",
    "read_status",
    "remember",
    "repair",
    "resume",
    "save_plan",
    "seed",
    "seed_settings",
    "sync",
    "unknown_wishes",
    "verify",
    "verify_edition",
    "who_answers",
]

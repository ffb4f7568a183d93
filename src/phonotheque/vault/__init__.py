"""The vault: audio is identified by content, refused when protected, proved sound by decoding it
in a process that may crash without harm, and kept once, under its SHA-256, with its history."""

from phonotheque.vault.acoustic.codec import (
    ITEM_SECONDS,
    decode_fingerprint,
    parse_fingerprint,
    raw_fingerprint,
)
from phonotheque.vault.acoustic.comparing import Likeness, judge, score_of
from phonotheque.vault.acoustic.index import AcousticIndex
from phonotheque.vault.acoustic.index import Hit as SoundHit
from phonotheque.vault.acoustic.segments import Document as SoundDocument
from phonotheque.vault.acoustic.taking_in import take_in
from phonotheque.vault.aside import (
    Aside,
    find_aside,
    give_away,
    give_back,
    iter_aside,
    purge_aside,
    set_aside,
)
from phonotheque.vault.chromaprint import find_no_fingerprint
from phonotheque.vault.copy_comments import copy_comments
from phonotheque.vault.copying import CopyMade, CopyOrder, make_copies
from phonotheque.vault.derivatives import copies_of, find_copy, sources_of
from phonotheque.vault.embedding import takes_tags
from phonotheque.vault.events import Event, EventType
from phonotheque.vault.examination import Description, Examination, Limits, Picture, Wants
from phonotheque.vault.examiner import Examiner, examine
from phonotheque.vault.fixity import check_fixity
from phonotheque.vault.fixity_report import FixityReport, FixityStatus, fixity_status
from phonotheque.vault.inflight import Bounds, iter_in_order
from phonotheque.vault.lives import LifeEvent, ObjectLife, read_life
from phonotheque.vault.material import MEMORY_BYTES, Link, Material, take_material
from phonotheque.vault.mending import Donor, Mended, MendReport, Offer, mend_objects
from phonotheque.vault.objects import Admission, VaultObject
from phonotheque.vault.orphans import Orphan, iter_unknown, iter_unnamed
from phonotheque.vault.quarantine import quarantine_path
from phonotheque.vault.recipes import (
    OpusForm,
    OpusSettings,
    TagForm,
    choose_settings,
    estimated_bytes,
    tag_form,
    tagged_bytes,
)
from phonotheque.vault.store import Vault

__all__ = [
    "ITEM_SECONDS",
    "MEMORY_BYTES",
    "AcousticIndex",
    "Admission",
    "Aside",
    "Bounds",
    "CopyMade",
    "CopyOrder",
    "Description",
    "Donor",
    "Event",
    "EventType",
    "Examination",
    "Examiner",
    "FixityReport",
    "FixityStatus",
    "LifeEvent",
    "Likeness",
    "Limits",
    "Link",
    "Material",
    "MendReport",
    "Mended",
    "ObjectLife",
    "Offer",
    "OpusForm",
    "OpusSettings",
    "Orphan",
    "Picture",
    "SoundDocument",
    "SoundHit",
    "TagForm",
    "Vault",
    "VaultObject",
    "Wants",
    "check_fixity",
    "choose_settings",
    "copies_of",
    "copy_comments",
    "decode_fingerprint",
    "estimated_bytes",
    "examine",
    "find_aside",
    "find_copy",
    "find_no_fingerprint",
    "fixity_status",
    "give_away",
    "give_back",
    "iter_aside",
    "iter_in_order",
    "iter_unknown",
    "iter_unnamed",
    "judge",
    "make_copies",
    "mend_objects",
    "parse_fingerprint",
    "purge_aside",
    "quarantine_path",
    "raw_fingerprint",
    "read_life",
    "score_of",
    "set_aside",
    "sources_of",
    "tag_form",
    "tagged_bytes",
    "take_in",
    "take_material",
    "takes_tags",
]

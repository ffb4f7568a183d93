"""The vault: audio is identified by content, refused when protected, proved sound by decoding it
in a process that may crash without harm, and kept once, under its SHA-256, with its history."""

from phonotheque.vault.events import Event, EventType
from phonotheque.vault.examination import Description, Examination, Limits, Picture, Wants
from phonotheque.vault.examiner import Examiner, examine
from phonotheque.vault.material import Link, Material, take_material
from phonotheque.vault.objects import Admission, VaultObject
from phonotheque.vault.store import Vault

__all__ = [
    "Admission",
    "Description",
    "Event",
    "EventType",
    "Examination",
    "Examiner",
    "Limits",
    "Link",
    "Material",
    "Picture",
    "Vault",
    "VaultObject",
    "Wants",
    "examine",
    "take_material",
]

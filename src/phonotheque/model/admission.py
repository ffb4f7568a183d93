"""What is done at the door with a file in which something was found: the table `[admission]` of
archive.toml, from codes of findings to actions (docs/formats/archive.md)."""

from collections.abc import Mapping
from enum import StrEnum

from phonotheque.model.findings import Finding, FindingCode, Severity


class Action(StrEnum):
    """From the mildest to the strictest."""

    ADMIT = "admit"  # keep the audio and say nothing
    REPORT = "report"  # keep the audio, with the finding
    QUARANTINE = "quarantine"  # keep the bytes aside; they are no audio of the archive
    REFUSE = "refuse"  # keep nothing


_STRICTNESS = list(Action)
ALWAYS_REFUSED = frozenset(
    [
        FindingCode.AUDIO_DRM,
        FindingCode.AUDIO_UNPARSEABLE,
        FindingCode.FILE_UNKNOWN_FORMAT,
        FindingCode.FILE_UNREADABLE,
    ]
)
"""Protected, or nobody knows whether it is; no setting changes that."""

NEVER_ADMITTED = frozenset([FindingCode.AUDIO_NO_AUDIO, FindingCode.AUDIO_LIMIT])
"""Not proved to hold audio: refused or set aside."""

_ABOUT_FILES = ("audio.", "file.", "tags.")
_FOUND_ELSEWHERE = (FindingCode.FILE_UNPORTABLE_NAME, FindingCode.AUDIO_SAME_SOUND)

Table = Mapping[FindingCode, Action]


def parse_admission(settings: Mapping[str, str]) -> dict[FindingCode, Action]:
    """The table as codes and actions.

    Raises:
        ValueError: a code that no examination gives, an action that there is not, or one that is
            not allowed for its code.
    """
    table = {}
    for code, action in settings.items():
        known = code in list(FindingCode) and code not in _FOUND_ELSEWHERE
        if not known or not code.startswith(_ABOUT_FILES):
            raise ValueError(f"admission names {code!r}; write a code of audio.*, file.* or tags.*")
        if action not in list(Action):
            actions = ", ".join(Action)
            raise ValueError(f"admission says {action!r} to {code}; write one of: {actions}")
        found, chosen = FindingCode(code), Action(action)
        if found in ALWAYS_REFUSED and chosen is not Action.REFUSE:
            raise ValueError(f"admission says {action} to {code}, which is always refused")
        if found in NEVER_ADMITTED and chosen not in (Action.REFUSE, Action.QUARANTINE):
            raise ValueError(f"admission says {action} to {code}; write quarantine or refuse")
        table[found] = chosen
    return table


def action_on(finding: Finding, table: Table) -> Action:
    """What one finding asks for: what the table says; else an error refuses, and a doubt or a
    note is reported."""
    default = Action.REFUSE if finding.severity is Severity.ERROR else Action.REPORT
    return table.get(finding.code, default)


def strictest(actions: list[Action]) -> Action:
    """What is done with a file: the strictest of what is asked for; without any, admit."""
    return max(actions, key=_STRICTNESS.index, default=Action.ADMIT)

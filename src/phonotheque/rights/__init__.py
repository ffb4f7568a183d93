"""Rights: what may be done with a recording, and why.

Licences as people write them become values (`parse_licence`); evidence becomes a verdict for each
use (`decide`), by rules that are data (rules.toml) and are named in every verdict. Nothing here
reads a file of the archive: evidence comes in, a verdict goes out.
"""

from phonotheque.rights.business_days import (
    BusinessCalendar,
    Window,
    calendar_of,
    put_back_window,
)
from phonotheque.rights.cases import (
    HOLDING,
    CaseState,
    Ground,
    Standing,
    check_move,
    is_late,
)
from phonotheque.rights.decide import Facts, Profile, agreed_licence, attribution, decide
from phonotheque.rights.licences import Family, Licence, licence_by_id
from phonotheque.rights.notices import (
    Answer,
    Contact,
    CounterNotice,
    Lack,
    Law,
    Material,
    Notice,
    answer_notice,
    check_counter,
    check_notice,
)
from phonotheque.rights.parse import parse_licence
from phonotheque.rights.rules import Mark, Rule, rule_book
from phonotheque.rights.signals import signal_evidence, tag_signal_evidence

__all__ = [
    "HOLDING",
    "Answer",
    "BusinessCalendar",
    "CaseState",
    "Contact",
    "CounterNotice",
    "Facts",
    "Family",
    "Ground",
    "Lack",
    "Law",
    "Licence",
    "Mark",
    "Material",
    "Notice",
    "Profile",
    "Rule",
    "Standing",
    "Window",
    "agreed_licence",
    "answer_notice",
    "attribution",
    "calendar_of",
    "check_counter",
    "check_move",
    "check_notice",
    "decide",
    "is_late",
    "licence_by_id",
    "parse_licence",
    "put_back_window",
    "rule_book",
    "signal_evidence",
    "tag_signal_evidence",
]

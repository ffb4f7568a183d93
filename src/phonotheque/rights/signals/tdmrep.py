"""TDM Reservation Protocol: https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/.

Three places, from the weakest to the strongest: the site's file, the header of an answer, the
content itself. 1 reserves, 0 does not, anything else is as if nothing were said.
"""

from typing import Any

import msgspec

from phonotheque.rights.signals.paths import matches
from phonotheque.rights.signals.stance import SILENT, Said, Stance, merge

MAX_RULES = 10_000


class UnreadableSignalError(ValueError):
    """The document is there and cannot be understood; the message says why."""


def tdmrep_file(content: bytes, path: str | None) -> Said:
    """What a site's ``tdmrep.json`` says of `path`: its first rule that matches.

    With an unknown path any rule may be the one, so any that reserves counts.

    Raises:
        UnreadableSignalError: it is no JSON array of objects, or has more than 10,000.
    """
    try:
        rules = msgspec.json.decode(content, type=list[dict[str, Any]])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableSignalError(f"no array of rules ({error})") from error
    if len(rules) > MAX_RULES:
        raise UnreadableSignalError(f"{len(rules):,} rules, {MAX_RULES:,} at most")
    said = [(str(rule.get("location", "")), rule) for rule in rules]
    if path is None:
        return merge(_of_rule(location, rule) for location, rule in said)
    for location, rule in said:
        if location and matches(location, path):
            return _of_rule(location, rule)
    return SILENT


def tdm_value(value: object, policy: str | None, where: str = "") -> Said:
    """The stance of one ``tdm-reservation``; `where` goes before the words."""
    text = str(value).strip() if isinstance(value, int | str) else ""
    if isinstance(value, bool) or text not in ("0", "1"):
        return SILENT
    raw = f"{where}tdm-reservation: {text}" + (f"; tdm-policy: {policy}" if policy else "")
    return Said(Stance.RESERVED if text == "1" else Stance.OPEN, raw, "tdm")


def _of_rule(location: str, rule: dict[str, Any]) -> Said:
    policy = rule.get("tdm-policy")
    shown = policy if isinstance(policy, str) else None
    return tdm_value(rule.get("tdm-reservation"), shown, f"{location}: ")

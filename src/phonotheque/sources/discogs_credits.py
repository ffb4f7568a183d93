"""Artist credits of Discogs: names as credited, joined, with the artists' ids as keys.

Discogs tells artists of one name apart by a number behind it: "Accent (3)". The number belongs to
the id, not to the name: credits and names are without it, keys are ``discogs:<id>``.
"""

import re
from typing import Any
from xml.etree.ElementTree import Element

__all__ = ["ARTIST_KEY", "credit", "plain_name"]

ARTIST_KEY = "discogs:{}"
_NUMBERED = re.compile(r"\s\((?:[2-9]|[1-9]\d{1,4})\)$")
_NO_BLANK_BEFORE = (",", ";", ":", "、")

Credited = dict[str, str | None]


def plain_name(name: str) -> str:
    """A name without the number that tells it from others: "Accent (3)" is "Accent"."""
    return _NUMBERED.sub("", name.strip())


def credit(artists: Element | None) -> tuple[str | None, list[Credited] | None]:
    """(credit as displayed, the artists with key, name as credited and join) of ``<artists>``;
    (None, None) without one. A name variation (``<anv>``) is displayed instead of the name."""
    out: list[Credited] = []
    joins: list[str] = []
    for artist in artists if artists is not None else ():
        parts: dict[str, Any] = {child.tag: child.text for child in artist}
        name = (parts.get("anv") or "").strip() or plain_name(parts.get("name") or "")
        if not name:
            continue
        number = (parts.get("id") or "").strip()
        key = ARTIST_KEY.format(number) if number.isdigit() and int(number) else None
        out.append({"key": key, "name": name, "join": ""})
        joins.append((parts.get("join") or "").strip())
    if not out:
        return None, None
    for credited, join in zip(out[:-1], joins, strict=False):
        credited["join"] = _spaced(join)
    return "".join(f"{c['name']}{c['join']}" for c in out), out


def _spaced(join: str) -> str:
    """What stands between two names: "," is ", ", "&" is " & ", nothing is ", "."""
    if not join:
        return ", "
    return f"{join} " if join.startswith(_NO_BLANK_BEFORE) else f" {join} "

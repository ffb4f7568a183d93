"""Values as people read them, and templates filled with them. Pure but for reading templates."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from phonotheque import __version__
from phonotheque.model.identifiers import format_isrc

_VERDICTS = {
    "ALLOW": "allowed",
    "ALLOW_IF": "allowed, under conditions",
    "REVIEW": "not decided yet",
    "DENY": "not allowed",
}
_WITHDRAWALS = {
    "rights": "because of its rights",
    "take-down": "after a notice",
    "donor": "at the donor's wish",
    "privacy": "for privacy",
    "error": "because it was published in error",
}
_LAWS = {
    "us-512": "17 U.S.C. 512(c)(3)",
    "eu-dsa-16": "Regulation (EU) 2022/2065, article 16",
    "other": "another law, or none named",
}
_STATES = {
    "received": "came in",
    "incomplete": "not complete; the sender is asked for the rest",
    "valid": "complete",
    "dismissed": "turned down; nothing was taken out",
    "appealed": "whoever sent it complains that nothing was taken out",
    "disabled": "taken out of reach",
    "counter-incomplete": "an answer to it came in, not complete; its sender is asked for the rest",
    "counter-received": "answered by a counter-notice or a complaint",
    "forwarded": "that answer was passed on to whoever sent the notice",
    "court-hold": "before a court",
    "upheld": "upheld",
    "tombstoned": "upheld; the edition has tombstones",
    "restored": "put back",
}
ASSETS = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "player.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


def law_choices() -> list[tuple[str, str]]:
    """The laws a notice may be written under, with their names."""
    return list(_LAWS.items())


def format_duration(milliseconds: int | None) -> str:
    """``3:07``, ``1:02:45``, or nothing when it is not known."""
    if milliseconds is None:
        return ""
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def format_size(size_bytes: int) -> str:
    """Bytes in decimal units with about three digits: ``3.21 MB``."""
    value = float(size_bytes)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if value < 999.5:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:,.3g} PB"


def format_count(number: int) -> str:
    """``1,234,567``."""
    return f"{number:,}"


def format_share(part: int, whole: int) -> str:
    """A share in per cent; nothing of nothing is nothing."""
    return f"{100 * part / whole:.1f} %" if whole else ""


def format_day(moment: datetime) -> str:
    """``1 November 2026``."""
    return f"{moment.day} {moment:%B %Y}"


def format_verdict(level: str) -> str:
    """A verdict in words."""
    return _VERDICTS.get(level, level)


def format_withdrawal(reason: str) -> str:
    """Why something was withdrawn, in words."""
    return _WITHDRAWALS.get(reason, reason)


def format_law(law: str) -> str:
    """Under which rules a notice is handled."""
    return _LAWS.get(law, law)


def format_state(state: str) -> str:
    """Where a notice stands, in words."""
    return _STATES.get(state, state)


def split_at(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is one of `spans` (rising, in code points)."""
    pieces, done = [], 0
    for begin, end in spans:
        if done <= begin < end <= len(text):
            pieces += [(text[done:begin], False), (text[begin:end], True)]
            done = end
    return [piece for piece in [*pieces, (text[done:], False)] if piece[0]]


@lru_cache(maxsize=1)
def read_assets() -> dict[str, bytes]:
    """Our few static files, by name."""
    folder = files("phonotheque.serve") / "static"
    return {name: (folder / name).read_bytes() for name in ASSETS}


def asset_address(name: str) -> str:
    """Where a static file is; the address changes with its bytes."""
    return f"/static/{name}?v={sha256(read_assets()[name]).hexdigest()[:12]}"


@lru_cache(maxsize=1)
def program_mark() -> str:
    """A short text that another version of the program, of a template or of an asset changes."""
    digest = sha256(__version__.encode())
    for folder in ("static", "templates"):
        entries = (files("phonotheque.serve") / folder).iterdir()
        for entry in sorted(entries, key=lambda e: e.name):
            digest.update(entry.read_bytes())
    return digest.hexdigest()[:8]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("phonotheque.serve"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        duration=format_duration,
        size=format_size,
        count=format_count,
        share=format_share,
        day=format_day,
        verdict=format_verdict,
        withdrawal=format_withdrawal,
        law=format_law,
        state=format_state,
        isrc=format_isrc,
        split_at=split_at,
    )
    environment.globals["asset"] = asset_address
    environment.globals["icon"] = environment.get_template("icon.html").module
    return environment


def render(template: str, values: dict[str, Any]) -> str:
    """The template filled; everything is escaped, and a missing value is an error."""
    return _environment().get_template(template).render(values)

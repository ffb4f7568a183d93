"""What somebody is told whom the guard refuses, or who asks what is held against them. Pure."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec

from phonotheque.guard import APPEAL_DAYS, ActorRow, Appeal
from phonotheque.serve.guarding.ladder import Refusal
from phonotheque.serve.problems import PROBLEM_TYPE

Headers = list[tuple[bytes, bytes]]
_COMMON: Headers = [
    (b"cache-control", b"no-store"),
    (b"access-control-allow-origin", b"*"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'"),
]
_SAID = {
    "redirect": "a pause; then it goes on",
    "slow": "audio comes one at a time, about as fast as it plays",
    "degrade": "as slow; and only what may be copied by everybody",
    "suspend": "no audio until then; pages, search and dumps as ever",
    "disable": "the account opens nothing but this page; two named people decided it",
}


def link_to_dumps(dumps: str) -> bytes:
    """The ``Link`` field that leads to everything at once."""
    target = dumps.encode("ascii", "ignore")
    return (
        b"<"
        + target
        + b'>; rel="alternate", </feed.atom>; rel="alternate"; '
        + (b'type="application/atom+xml"')
    )


def refusal_headers(refusal: Refusal, dumps: str) -> Headers:
    """The header fields of a refusal."""
    told: Headers = [(b"link", link_to_dumps(dumps))]
    if refusal.wait_s:
        told.append((b"retry-after", str(refusal.wait_s).encode()))
    return told


def refusal_body(refusal: Refusal, reasons: Sequence[str], dumps: str) -> bytes:
    """The problem (RFC 9457) of a refusal, with the reasons of the measure."""
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": refusal.status.phrase,
        "status": int(refusal.status),
        "detail": f"{refusal.detail}. Everything is yours to take in bulk: {dumps}",
        "measure": refusal.measure,
    }
    if reasons and refusal.measure != "budget":
        problem |= {"reasons": list(reasons), "account": "/guard/account",
                    "appeal": "/guard/appeal"}  # fmt: skip
    return msgspec.json.encode(problem)


def standing_body(
    actor: str, row: ActorRow | None, appeals: Sequence[Appeal], now: datetime, dumps: str
) -> bytes:
    """What is held against `actor`: the measure, until when, why, and how to object."""
    measure = "allow" if row is None else row.in_force(now)
    until = None if row is None or measure == "allow" else row.measure_until
    told: dict[str, Any] = {
        "actor": actor,
        "measure": measure,
        "means": _SAID.get(measure, "nothing is held against you"),
        "until": until,
        "reasons": [] if row is None or measure == "allow" else list(row.reasons),
        "decided": "by a program" if measure != "disable" else "by two people",
        "appeal": {"post": "/guard/appeal", "body": {"text": "why this is wrong"},
                   "within_days": APPEAL_DAYS},
        "appeals": [{"appeal": a.appeal, "at": a.at, "outcome": a.outcome, "answer": a.answer}
                    for a in appeals],
        "dumps": dumps,
    }  # fmt: skip
    return msgspec.json.encode(told)


def problem_body(status: HTTPStatus, detail: str) -> bytes:
    """A problem without more."""
    return msgspec.json.encode(
        {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    )


async def send_answer(
    send: Any, status: int, body: bytes, headers: Headers, *, media_type: str = PROBLEM_TYPE
) -> None:
    """One answer of the guard's own."""
    length = str(len(body)).encode()
    told = [(b"content-type", media_type.encode()), (b"content-length", length)]
    await send({"type": "http.response.start", "status": int(status),
                "headers": [*told, *_COMMON, *headers]})  # fmt: skip
    await send({"type": "http.response.body", "body": body, "more_body": False})


def decoy_page(ids: Sequence[str]) -> bytes:
    """A page at a place that robots.txt keeps crawlers from, with ids behind which there is
    nothing; it says so to people."""
    rows = "".join(f'<li><a href="/stream/{i}" rel="nofollow">{i}</a></li>' for i in ids)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="robots" '
        'content="noindex, nofollow"><title>Nothing to hear</title><p>There is no music behind '
        "these addresses. They show who reads what robots.txt asks not to read; people need "
        f'not follow them. The music is <a href="/">over here</a>.</p><ul>{rows}</ul></html>'
    ).encode()

"""What alerts tell of, in which words, signed how, and sent where. Pure but for the secret."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from phonotheque.guard import ORDER, Entry, What
from phonotheque.model.errors import NotFoundError, UsageError

SIGNATURE: Final = "Phonotheque-Signature"
_HERE: Final = ("127.0.0.1", "::1", "localhost")
_ALWAYS: Final = frozenset({
    What.DISABLING_PROPOSED, What.DISABLING_CONFIRMED, What.APPEAL_MADE, What.STORE_LOST,
    What.GROUP_TOLD,
})  # fmt: skip
_SECRET_BYTES: Final = 16


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where alerts go: `url` (https, or http on this machine; empty: nowhere), the file with the
    secret that signs them, and from which measure on one is told of."""

    url: str = ""
    secret_file: str = ""
    from_measure: str = "redirect"


def check_alerts(settings: AlertSettings) -> None:
    """That alerts can be sent like this.

    Raises:
        UsageError: the address is not https, there is no secret, or the measure is none.
    """
    if not settings.url:
        return
    parts = urlsplit(settings.url)
    here = parts.scheme == "http" and parts.hostname in _HERE
    if not parts.hostname or not (parts.scheme == "https" or here):
        raise UsageError(f"alerts: {settings.url!r} must be an https address")
    if parts.username or parts.password:
        raise UsageError("alerts: no name and password in the address; alerts are signed")
    if not settings.secret_file:
        raise UsageError("alerts: secret_file is needed; make one: openssl rand -hex 32 > FILE")
    if settings.from_measure not in ORDER:
        raise UsageError(f"alerts: {settings.from_measure!r} is no measure")


def read_secret(path: Path) -> bytes:
    """The secret in a file, without the white space round it.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is shorter than 16 bytes.
    """
    try:
        secret = path.read_bytes().strip()
    except FileNotFoundError:
        raise NotFoundError(f"{path}: there is no such file") from None
    if len(secret) < _SECRET_BYTES:
        raise UsageError(f"{path}: a secret of alerts has {_SECRET_BYTES} bytes at least")
    return secret


def sign(body: bytes, at: datetime, secret: bytes) -> str:
    """The header field: ``t=SECONDS,v1=`` and HMAC-SHA256 in hex over ``SECONDS.BODY``."""
    seconds = int(at.timestamp())
    digest = hmac.new(secret, f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def is_alert(entry: Entry, from_measure: str) -> bool:
    """Whether people are told of this line. Pure."""
    if entry.what in _ALWAYS:
        return True
    measure = str(entry.evidence.get("measure", ""))
    least = ORDER[from_measure]
    return entry.what is What.MEASURE_TAKEN and ORDER.get(measure, 0) >= least


def format_alert(entries: Sequence[Entry], now: datetime) -> bytes:
    """The body: JSON; names are pseudonyms, as in the records."""
    events = [
        {"event": e.event, "at": e.at, "what": e.what.value, "actor": e.actor, "by": e.by,
         "group": e.evidence.get("group"), "measure": e.evidence.get("measure"),
         "until": e.evidence.get("until"), "reasons": e.reasons}
        for e in entries
    ]  # fmt: skip
    text = "; ".join(_line(entry) for entry in entries[:5])
    more = f" and {len(entries) - 5} more" if len(entries) > 5 else ""
    return msgspec.json.encode({"sent_at": now, "text": f"guard: {text}{more}", "events": events})


def _line(entry: Entry) -> str:
    whom = entry.actor or entry.evidence.get("group") or ""
    return " ".join(filter(None, (entry.what.value, entry.evidence.get("measure"), whom)))

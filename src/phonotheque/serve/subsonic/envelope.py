"""Answers in the three forms of the protocol: XML, JSON, JSONP. Pure.

A document is a dict of plain values. In XML a scalar is an attribute, a dict an element, a list
as many elements; the key `value` is an element's text, and a `Text` an element with nothing but.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from xml.sax.saxutils import escape, quoteattr

import msgspec

from phonotheque import __version__

PROTOCOL = "1.16.1"
NAMESPACE = "http://subsonic.org/restapi"
_CALLBACK = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.]{0,99}")
# what XML 1.0 has no way to write
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Document: TypeAlias = dict[str, Any]


class Text(str):
    """A string that in XML is an element of its own."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """Bytes and what they are."""

    content: bytes
    media_type: str


def ok(name: str = "", value: Any = None) -> Document:
    """The document of a call that was answered, with one thing in it or with none."""
    return _envelope("ok", {name: value} if name else {})


def failed(code: int, message: str, help_url: str | None = None) -> Document:
    """The document of a call that failed."""
    error: Document = {"code": code, "message": message}
    if help_url:
        error["helpUrl"] = help_url
    return _envelope("failed", {"error": error})


def _envelope(status: str, rest: Mapping[str, Any]) -> Document:
    return {
        "status": status,
        "version": PROTOCOL,
        "type": "phonotheque",
        "serverVersion": __version__,
        "openSubsonic": True,
        **rest,
    }


def render(document: Document, form: str, callback: str = "") -> Rendered:
    """The bytes of a document; `form` is xml, json or jsonp, anything else is xml.

    A callback that is no name of a function is taken for none: then JSON alone is sent.
    """
    if form in ("json", "jsonp"):
        content = msgspec.json.encode({"subsonic-response": _plain(document)})
        if form == "jsonp" and _CALLBACK.fullmatch(callback):
            # two signs that end a line in older JavaScript
            safe = content.replace(b"\xe2\x80\xa8", rb"\u2028").replace(b"\xe2\x80\xa9", rb"\u2029")
            return Rendered(
                f"/**/{callback}(".encode() + safe + b");", "text/javascript; charset=utf-8"
            )
        return Rendered(content, "application/json")
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<subsonic-response xmlns="{NAMESPACE}"'
    parts: list[str] = [head]
    _write_rest(parts, "subsonic-response", _plain(document))
    return Rendered("".join(parts).encode(), "application/xml; charset=utf-8")


def _plain(value: Any) -> Any:
    """Without what is None: the protocol leaves such fields out."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value


def _write(parts: list[str], name: str, value: Any) -> None:
    if isinstance(value, Mapping):
        parts.append(f"<{name}")
        _write_rest(parts, name, value)
    else:
        parts.append(f"<{name}>{escape(_text(value))}</{name}>")


def _write_rest(parts: list[str], name: str, value: Mapping[str, Any]) -> None:
    """What comes after ``<name``."""
    inside: list[tuple[str, Any]] = []
    text = ""
    for key, entry in value.items():
        if key == "value":
            text = escape(_text(entry))
        elif isinstance(entry, (Mapping, Text)):
            inside.append((key, entry))
        elif isinstance(entry, list):
            inside += [(key, one) for one in entry]
        else:
            parts.append(f" {key}={quoteattr(_text(entry))}")
    if not inside and not text:
        parts.append("/>")
        return
    parts.append(f">{text}")
    for key, entry in inside:
        _write(parts, key, entry)
    parts.append(f"</{name}>")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _UNWRITABLE.sub("\ufffd", str(value))

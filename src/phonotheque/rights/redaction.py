"""What of a notice may be published: not how to reach its sender, nor who it is unless they agree.

Whatever the contact says is taken out wherever it stands, and besides every e-mail address, web
address and long number. Rather too much than too little: the letter itself is kept whole.
"""

import re
import unicodedata
from collections.abc import Iterable

from phonotheque.rights.notices import Contact, Notice, check_notice

REDACTED = "[redacted]"
NOT_HERE = "which recording"
MAX_CHARACTERS = 2000
_LOOKED_AT = 10 * MAX_CHARACTERS
_PATTERNS = (
    re.compile(r"\S+@\S+"),  # e-mail addresses, however odd
    re.compile(r"\b(?:https?|ftp)://\S+|\bwww\.\S+", re.IGNORECASE),
    re.compile(r"\+?\d[\d ()./-]{5,}\d"),  # telephone and account numbers; a year alone stays
)
_NAME, _WORD = re.compile(r"\w{2,}"), re.compile(r"\w{3,}")
_SIGNED = re.compile(r"^\s*/?s/\s*", re.IGNORECASE)  # as in "/s/ Jane Roe"


def redact(text: str, contact: Contact, *, names_too: bool = True, signature: str = "") -> str:
    """`text` without what identifies the sender, cut at `MAX_CHARACTERS`.

    `names_too`: names and the `signature` go as well, not only the ways to reach somebody.
    """
    text = _plain(text[:_LOOKED_AT])
    names = [contact.name, contact.organisation, _SIGNED.sub("", signature)] if names_too else []
    text = _without(text, [*names, contact.address, contact.phone, contact.email])
    for pattern in _PATTERNS:
        text = pattern.sub(REDACTED, text)
    persons = " ".join([names[0], names[2]]) if names_too else ""
    words = _NAME.findall(_plain(persons))
    words += _WORD.findall(_plain(f"{contact.address} {contact.email.partition('@')[0]}"))
    text = _without(text, words, whole=True)
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


def published_sender(notice: Notice) -> str:
    """Who is named as the sender: nobody, unless they agreed."""
    if not notice.publish_name:
        return REDACTED
    return notice.contact.organisation.strip() or notice.contact.name.strip() or REDACTED


def published_works(notice: Notice) -> list[str]:
    """The works and reasons of a notice as they may be published, in its order."""
    texts = [*notice.works, notice.reasons]
    hide = not notice.publish_name
    found = [
        redact(text.strip(), notice.contact, names_too=hide, signature=notice.signature)
        for text in texts
    ]
    return [text for text in found if text]


def published_lacks(notice: Notice, told: str) -> list[str]:
    """What an incomplete notice lacks, in our own words alone; `told` is what its sender was told.

    That names what the sender wrote where no recording was found by it, and so is not published.
    """
    lacks = [f"{lack.clause}: {lack.ask}" for lack in check_notice(notice)]
    return [*lacks, f"{NOT_HERE}: some that it names are not here"] if NOT_HERE in told else lacks


def _without(text: str, values: Iterable[str], *, whole: bool = False) -> str:
    """`text` without `values`, longest first; `whole`, and very short ones: as words alone."""
    parts = []
    for value in sorted({_plain(v).strip() for v in values}, key=lambda v: (-len(v), v)):
        if value:
            alone = whole or (len(value) < 3 and value.isascii())
            parts.append(rf"(?<!\w){re.escape(value)}(?!\w)" if alone else re.escape(value))
    return re.sub("|".join(parts), REDACTED, text, flags=re.IGNORECASE) if parts else text


def _plain(text: str) -> str:
    """One form for letters with accents, and for spaces and line ends."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text))

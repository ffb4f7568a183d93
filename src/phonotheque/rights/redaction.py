"""What of a notice may be published: not how to reach its sender, nor who it is unless they agree.

Whatever the contact says is taken out wherever it stands, and besides every e-mail address, web
address and long number. Rather too much than too little: the letter itself is kept whole.
"""

import re

from phonotheque.rights.notices import Contact, Notice

REDACTED = "[redacted]"
MAX_CHARACTERS = 2000
_PATTERNS = (
    re.compile(r"\S+@\S+"),  # e-mail addresses, however odd
    re.compile(r"\b(?:https?|ftp)://\S+|\bwww\.\S+", re.IGNORECASE),
    re.compile(r"\+?\d[\d ()./-]{5,}\d"),  # telephone and account numbers; a year alone stays
)
_WORD = re.compile(r"\w{3,}")


def redact(text: str, contact: Contact, *, names_too: bool = True) -> str:
    """`text` without what identifies the sender, cut at `MAX_CHARACTERS`."""
    ways = [contact.address, contact.phone, contact.email]
    names = [contact.name, contact.organisation] if names_too else []
    for private in sorted((p.strip() for p in ways + names), key=len, reverse=True):
        if private:
            text = re.sub(re.escape(private), REDACTED, text, flags=re.IGNORECASE)
    for pattern in _PATTERNS:
        text = pattern.sub(REDACTED, text)
    words = _WORD.findall(" ".join([contact.address, *([contact.name] if names_too else [])]))
    for word in sorted(set(words), key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(word)}\b", REDACTED, text, flags=re.IGNORECASE)
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


def published_sender(notice: Notice) -> str:
    """Who is named as the sender: nobody, unless they agreed."""
    if not notice.publish_name:
        return REDACTED
    return notice.contact.organisation.strip() or notice.contact.name.strip() or REDACTED


def published_works(notice: Notice) -> list[str]:
    """The works and reasons of a notice as they may be published, in its order."""
    texts = [*notice.works, notice.reasons]
    keep_names = not notice.publish_name
    found = [redact(text.strip(), notice.contact, names_too=keep_names) for text in texts]
    return [text for text in found if text]

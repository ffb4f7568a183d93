"""Who wrote what is played, as tags name them: a writer who is not among the performers has rights
of their own. Pure.

Tags: COMPOSER, LYRICIST and WRITER of Vorbis comments; TCOM and TEXT of ID3v2; ©wrt of MPEG-4.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from phonotheque.model.audio_tags import Tags
from phonotheque.model.rights import Claim, Evidence, EvidenceKind
from phonotheque.model.text import normalise

SIGNS = {"composer": "cover", "writer": "cover", "songwriter": "cover", "lyricist": "lyrics"}
"""The sign (docs/rights.md) that a tag gives where it names somebody else."""
PERFORMERS = ("artist", "artists", "albumartist", "performer")
_BETWEEN = frozenset(
    ["a", "and", "und", "et", "y", "e", "i", "og", "och", "en", "with", "mit", "feat", "featuring",
     "ft", "the"]
)  # fmt: skip
_NOBODY = frozenset(["", "unknown", "unknown composer", "unknown artist", "various", "none", "n a"])


def writer_signs(tags: Tags, holders: Iterable[str], now: datetime) -> Iterator[Evidence]:
    """Signs of `cover` or `lyrics` where the performer and a writer are named and differ.

    A writer is no other who stands in the artist's credit, word by word, or who gives the rights by
    a word of more weight than a tag (`holders`): many perform under another name than they sign
    with, but a tag may name the holder of somebody else's song as well.
    """
    performers = [text for _, text in tags.all(*PERFORMERS)]
    if not any(map(_words, performers)):
        return
    known = frozenset().union(*map(_words, [*performers, *holders]))
    for tag, text in tags.all(*SIGNS):
        name = normalise(text)
        named = name not in _NOBODY and any(map(str.isalnum, name))
        if named and not _words(text) <= known:
            raw = f"{tag} {text}, played by {performers[0]}"
            yield Evidence(
                Claim.REBUTTAL, SIGNS[tag], raw, EvidenceKind.INFERENCE, f"tag:{tag}", now
            )


def _words(text: str) -> frozenset[str]:
    return frozenset(normalise(text).split()) - _BETWEEN

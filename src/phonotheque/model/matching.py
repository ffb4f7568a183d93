"""What rows are compared by when they carry no code: keys of titles and artists, and their digests.

Pure. docs/formats/matching.md is the specification; the digests are stored in imports
(`tables.ROWS`), so equal texts give equal digests on every machine and in every version of this
format.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from phonotheque.model.credits import artist_key, generic_artists
from phonotheque.model.text import normalise
from phonotheque.model.titles import generic_titles, title_key

__all__ = ["BUCKETS", "MatchColumns", "artist_key", "digest64", "digests64", "identifies",
           "match_columns", "title_key"]  # fmt: skip

BUCKETS = 256
"""Values of `ROWS.bucket`."""

_BETWEEN = "\x1f"
_LETTER = re.compile(r"[^\W\d_]")
_NUMBERED = re.compile(
    r"(?:part|volume|chapter|act|movement|scene|track|song|titel|piste|pista|faixa|side)?[\d_]*"
)


@dataclass(frozen=True, slots=True)
class MatchColumns:
    """Computed columns of a block of n rows, each of shape (n,). `text_match` counts only where
    `text_usable` is true."""

    artist_norm: list[str]
    title_match: npt.NDArray[np.int64]
    text_match: npt.NDArray[np.int64]
    text_usable: npt.NDArray[np.bool_]
    wording: npt.NDArray[np.int64]
    bucket: npt.NDArray[np.int16]


def identifies(artist: str, title: str) -> bool:
    """Whether an artist key and a title key together say enough to tell recordings apart."""
    if not artist or artist in generic_artists() or title in generic_titles():
        return False
    return _LETTER.search(title) is not None and _NUMBERED.fullmatch(title) is None


def digest64(text: str) -> int:
    """BLAKE2b of the UTF-8 with 8 bytes of output, read as a little-endian signed integer."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def digests64(texts: Iterable[str]) -> npt.NDArray[np.int64]:
    """`digest64` of each text; shape (n,)."""
    raw = b"".join([blake2b(text.encode(), digest_size=8).digest() for text in texts])
    return np.frombuffer(raw, dtype="<i8").astype(np.int64, copy=False)


def match_columns(titles: Sequence[str], credits: Sequence[str]) -> MatchColumns:
    """The computed columns of rows with these titles and artist credits (same length n)."""
    artists = {credit: (normalise(credit), artist_key(credit)) for credit in set(credits)}
    keys = [
        (artists[c][1], *title_key(_without_artist(t, artists[c][1])))
        for t, c in zip(titles, credits, strict=True)
    ]
    norms = [artists[credit][0] for credit in credits]
    return MatchColumns(
        artist_norm=norms,
        title_match=digests64(_BETWEEN.join(key[1:]) for key in keys),
        text_match=digests64(_BETWEEN.join(key) for key in keys),
        text_usable=np.array([identifies(key[0], key[1]) for key in keys], dtype=np.bool_),
        wording=digests64(t + _BETWEEN + c for t, c in zip(titles, credits, strict=True)),
        bucket=(digests64(norms) & (BUCKETS - 1)).astype(np.int16),
    )


def _without_artist(title: str, artist: str) -> str:
    """ "Artist - Song" of that artist is "Song"."""
    head, dash, rest = title.partition(" - ")
    return rest if dash and rest.strip() and artist_key(head) == artist else title

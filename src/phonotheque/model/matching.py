"""What rows are compared by when they carry no code: keys of titles and artists, and their digests.

Pure. docs/formats/matching.md is the specification; the digests are stored in imports
(`tables.ROWS`), so equal texts give equal digests on every machine and in every version of this
format.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from phonotheque.model.text import normalise

BUCKETS = 256
"""Values of `ROWS.bucket`."""

_BETWEEN = "\x1f"


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


def title_key(title: str) -> tuple[str, str]:
    """(key, version): what the title says of the piece, and of which performance or mix it is."""
    return normalise(title), ""


def artist_key(credit: str) -> str:
    """What an artist credit is compared by."""
    return normalise(credit)


def identifies(artist: str, title: str) -> bool:
    """Whether an artist key and a title key together say enough to tell recordings apart."""
    return bool(artist and title)


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
    keys = [(artists[c][1], *title_key(t)) for t, c in zip(titles, credits, strict=True)]
    norms = [artists[credit][0] for credit in credits]
    return MatchColumns(
        artist_norm=norms,
        title_match=digests64(_BETWEEN.join(key[1:]) for key in keys),
        text_match=digests64(_BETWEEN.join(key) for key in keys),
        text_usable=np.array([identifies(key[0], key[1]) for key in keys], dtype=np.bool_),
        wording=digests64(t + _BETWEEN + c for t, c in zip(titles, credits, strict=True)),
        bucket=(digests64(norms) & (BUCKETS - 1)).astype(np.int16),
    )

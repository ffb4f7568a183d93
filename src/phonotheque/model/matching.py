"""What rows are compared by when they carry no code: keys of titles and artists, and their digests.

Pure. docs/formats/matching.md is the specification; the digests are stored in imports
(`tables.ROWS`), so equal texts give equal digests on every machine and in every version of this
format.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from phonotheque.model.credits import artist_key, generic_artists
from phonotheque.model.plain_titles import plain_keys
from phonotheque.model.text import normalise
from phonotheque.model.titles import generic_titles, title_key

__all__ = ["BUCKETS", "MatchColumns", "artist_key", "digest64", "digests64", "identifies",
           "match_columns", "title_key"]  # fmt: skip

BUCKETS = 256
"""Values of `ROWS.bucket`."""

_BETWEEN = "\x1f"
_LONG = 200  # credits of so many characters are not remembered
_NUMBER = "0123456789_"


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
    return _names_someone(artist) and _says_enough(title)


def digest64(text: str) -> int:
    """BLAKE2b of the UTF-8 with 8 bytes of output, read as a little-endian signed integer."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def digests64(texts: Iterable[str]) -> npt.NDArray[np.int64]:
    """`digest64` of each text; shape (n,)."""
    raw = b"".join([blake2b(text.encode(), digest_size=8).digest() for text in texts])
    return np.frombuffer(raw, dtype="<i8").astype(np.int64, copy=False)


def match_columns(titles: Sequence[str], credits: Sequence[str]) -> MatchColumns:
    """The computed columns of rows with these titles and artist credits (same length n)."""
    known = {credit: _artist(credit) for credit in set(credits)}
    artists = [known[credit] for credit in credits]
    said, enough = _said(titles, [artist.key for artist in artists])
    named = np.array([artist.named for artist in artists], dtype=np.bool_)
    return MatchColumns(
        artist_norm=[artist.norm for artist in artists],
        title_match=digests64(said),
        text_match=digests64([a.key + _BETWEEN + t for a, t in zip(artists, said, strict=True)]),
        text_usable=named & enough,
        wording=digests64([t + _BETWEEN + c for t, c in zip(titles, credits, strict=True)]),
        bucket=np.array([artist.bucket for artist in artists], dtype=np.int16),
    )


def _said(titles: Sequence[str], artists: Sequence[str]) -> tuple[list[str], npt.NDArray[np.bool_]]:
    """What each title says, key and version as one text, and whether its key says enough."""
    generic = generic_titles()
    plain = plain_keys(titles)
    enough = np.array([key not in generic for key in plain], dtype=np.bool_)
    said: list[str] = []
    for at, (key, title) in enumerate(zip(plain, titles, strict=True)):
        if key is not None:
            said.append(key)
            continue
        name, version = title_key(_without_artist(title, artists[at]))
        said.append(name + _BETWEEN + version if version else name)
        enough[at] = _says_enough(name)
    return said, enough


@dataclass(frozen=True, slots=True)
class _Artist:
    norm: str
    key: str
    named: bool
    bucket: int


def _artist(credit: str) -> _Artist:
    return _remembered(credit) if len(credit) < _LONG else _read(credit)


def _read(credit: str) -> _Artist:
    norm, key = normalise(credit), artist_key(credit)
    return _Artist(norm, key, _names_someone(key), digest64(norm) & (BUCKETS - 1))


_remembered = lru_cache(maxsize=1 << 15)(_read)


def _names_someone(artist: str) -> bool:
    return bool(artist) and artist not in generic_artists()


def _says_enough(title: str) -> bool:
    name = title.strip(_NUMBER)
    return name not in generic_titles() and any(map(str.isalpha, name))


def _without_artist(title: str, artist: str) -> str:
    """ "Artist - Song" of that artist is "Song"."""
    head, dash, rest = title.partition(" - ")
    return rest if dash and rest.strip() and artist_key(head) == artist else title

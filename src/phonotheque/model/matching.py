"""What rows are compared by when they carry no code: keys of titles and artists, and their digests.

Pure. docs/formats/matching.md is the specification; the digests are stored in imports
(`tables.ROWS`), so equal texts give equal digests on every machine and in every version of this
format.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phonotheque.model.credits import artist_key, generic_artists
from phonotheque.model.plain_titles import lines_of, plain_keys, rest_line
from phonotheque.model.text import normalise
from phonotheque.model.titles import generic_titles, opened, parts_key, title_key, without_version

__all__ = ["BUCKETS", "MatchColumns", "artist_key", "digest64", "digests64", "identifies",
           "match_columns", "title_key"]  # fmt: skip

BUCKETS = 256
"""Values of `ROWS.bucket`."""

_BETWEEN = "\x1f"
_LONG = 200  # credits of so many characters are not remembered
_NUMBER = b"0123456789_"


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
    return _numbers([blake2b(text.encode(), digest_size=8).digest() for text in texts])


def _digests(texts: Iterable[bytes]) -> npt.NDArray[np.int64]:
    return _numbers([blake2b(text, digest_size=8).digest() for text in texts])


def _numbers(digests: Iterable[bytes]) -> npt.NDArray[np.int64]:
    raw = b"".join(digests)
    return np.frombuffer(raw, dtype="<i8").astype(np.int64, copy=False)


def match_columns(titles: Sequence[str], credits: Sequence[str]) -> MatchColumns:
    """The computed columns of rows with these titles and artist credits (same length n)."""
    known = {credit: _artist(credit) for credit in set(credits)}
    artists = [known[credit] for credit in credits]
    said, enough = _said(titles, credits)
    named = np.array([artist.named for artist in artists], dtype=np.bool_)
    text = [artist.prefix + name for artist, name in zip(artists, said, strict=True)]
    wording = [t + _BETWEEN + c for t, c in zip(titles, credits, strict=True)]
    return MatchColumns(
        artist_norm=[artist.norm for artist in artists],
        title_match=_digests(said),
        text_match=_digests(text),
        text_usable=named & enough,
        wording=digests64(wording),
        bucket=np.array([artist.bucket for artist in artists], dtype=np.int16),
    )


def _said(
    titles: Sequence[str], credits: Sequence[str]
) -> tuple[list[bytes], npt.NDArray[np.bool_]]:
    """What each title says, key and version as one text, and whether its key says enough."""
    said = plain_keys(lines_of(titles))
    generic = _generic_keys()
    enough = np.array([not key or key.strip(_NUMBER) not in generic for key in said], np.bool_)
    long_way = [row for row, key in enumerate(said) if key is None]
    texts = [opened(_without_artist(titles[row], credits[row])) for row in long_way]
    for row, (key, version) in zip(long_way, _keys_of(texts), strict=True):
        name = key or normalise(_without_artist(titles[row], credits[row]))
        said[row] = (name + _BETWEEN + version if version else name).encode()
        enough[row] = _says_enough(name)
    return [key or b"" for key in said], enough


def _keys_of(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """`title_key` of opened titles; ("", "") for one without a word."""
    parts = [without_version(text) for text in texts]
    names = plain_keys([rest_line(rest) for rest, _ in parts])
    for text, name, (rest, version) in zip(texts, names, parts, strict=True):
        if name is None:
            yield parts_key(text, rest, version) or ("", "")
        else:
            yield name.decode(), version


class _Artist(NamedTuple):
    norm: str
    key: str
    prefix: bytes  # of what `text_match` is of
    named: bool
    bucket: int


def _artist(credit: str) -> _Artist:
    return _remembered(credit) if len(credit) < _LONG else _read(credit)


def _read(credit: str) -> _Artist:
    norm, key = normalise(credit), artist_key(credit)
    prefix = (key + _BETWEEN).encode()
    bucket = blake2b(norm.encode(), digest_size=8).digest()[0]  # the lowest byte of `digest64`
    return _Artist(norm, key, prefix, _names_someone(key), bucket)


_remembered = lru_cache(maxsize=1 << 16)(_read)


def _names_someone(artist: str) -> bool:
    return bool(artist) and artist not in generic_artists()


def _says_enough(title: str) -> bool:
    name = title.strip(_NUMBER.decode())
    return name not in generic_titles() and any(map(str.isalpha, name))


@lru_cache(maxsize=1)
def _generic_keys() -> frozenset[bytes]:
    return frozenset((b"", *(key.encode() for key in generic_titles())))


def _without_artist(title: str, credit: str) -> str:
    """ "Artist - Song" of that artist is "Song"."""
    head, dash, rest = title.partition(" - ")
    return rest if dash and rest.strip() and artist_key(head) == _artist(credit).key else title

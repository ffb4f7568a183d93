"""Where a Discogs tracklist says a track is: "4", "1-05", "CD2-3", "B1", "A1.2", "DVD-4", "".

Source: the database guidelines of Discogs (12. Tracklisting): discs of several are told apart by
"disc-track", sides of records by letters, parts of one track by ".1" or "a" behind its position.
"""

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Place", "Places", "parse_duration"]

_NUMBER = re.compile(r"0*(\d{1,5})")
_MEDIUM = re.compile(r"(?:[A-Za-z][A-Za-z ]{1,11}?)?\s?0*(\d{1,3})\s?-\s?0*(\d{1,5})(\D.*)?")
_NAMED = re.compile(r"[A-Za-z][A-Za-z ]{1,11}-\s?0*(\d{1,5})")
_SIDE = re.compile(
    r"(?:LP\s?-?\s?)?([A-Za-z])\1?[ .-]{0,2}0*(\d{0,3})(?:[ .]?\(?(?:\d{1,2}|[a-z])\)?)?"
)
_PART = re.compile(r"0*(\d{1,5})(?:\.0*(\d{1,3})|\s?\(?[a-z]\)?)")
_DURATION = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):([0-5]\d)")


class Place(NamedTuple):
    """Where a track is. `text` is the position as written where the numbers do not say it all."""

    disc: int | None
    position: int | None
    text: str | None


class Places:
    """Gives the tracks of one tracklist, in its order, their places.

    On records the number counts on from side to side of one disc (sides A and B are disc 1), as
    every other medium counts; `several` says whether the release has more than one disc.
    """

    def __init__(self, several: bool) -> None:
        self._several = several
        self._sides: dict[int, tuple[str, int]] = {}

    def place(self, written: str, part: bool = False) -> Place:
        """The place of a track from its position as written; `part`: it is a sub-track."""
        text = written.strip()
        found = _parse(text, self._several and not part)
        return found if isinstance(found, Place) else self._on_side(*found, text)

    def _on_side(self, letter: str, number: str, text: str) -> Place:
        disc = (ord(letter) - ord("A")) // 2 + 1
        key = f"{letter}{number}"
        last, count = self._sides.get(disc, ("", 0))
        if last != key or not number:  # parts of one track stand in one place
            count += 1
        self._sides[disc] = (key, count)
        return Place(disc, count, text)


@lru_cache(maxsize=1 << 14)
def _parse(text: str, dotted: bool) -> Place | tuple[str, str]:
    """The place, or (letter, number) of a side; `dotted`: "2.3" is disc 2, track 3."""
    if match := _NUMBER.fullmatch(text):
        return Place(None, _from_1(match[1]), None)
    if match := _MEDIUM.fullmatch(text):
        plain = text[0].isdigit() and not match[3]
        return Place(_from_1(match[1]), _from_1(match[2]), None if plain else text)
    if match := _NAMED.fullmatch(text) or _PART.fullmatch(text):
        part = match[2] if match.re is _PART and dotted else None
        first = _from_1(match[1])
        return Place(first, _from_1(part), text) if part else Place(None, first, text)
    if match := _SIDE.fullmatch(text):
        return match[1].upper(), match[2]
    return Place(None, None, text or None)


@lru_cache(maxsize=1 << 14)
def parse_duration(written: str) -> int | str | None:
    """Milliseconds of "4:45" or "1:02:03"; other text as it is, which no number stage accepts."""
    text = written.strip()
    if not text:
        return None
    if not (match := _DURATION.fullmatch(text)):
        return text
    seconds = int(match[1] or 0) * 3600 + int(match[2]) * 60 + int(match[3])
    return seconds * 1000 or None


def _from_1(digits: str) -> int | None:
    return int(digits) or None

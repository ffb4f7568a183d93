"""What is wished for of single files, and which rows of a planning table that is. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Mask = npt.NDArray[np.bool_]
_TOGETHER = " AND "
_SEEN = 500


@dataclass(frozen=True, slots=True)
class FileWishes:
    """Which files are wanted; empty means no restriction. All that is named has to hold.

    A file is wanted when each of its licences is one of `licences`, it may be given out in all
    `territories` (codes of jurisdictions), has one of `artists` and one of `genres` (in lower
    case), and nothing of the rest.
    """

    licences: frozenset[str] = frozenset()
    territories: frozenset[str] = frozenset()
    artists: frozenset[int] = frozenset()
    genres: frozenset[str] = frozenset()
    without_licences: frozenset[str] = frozenset()
    without_artists: frozenset[int] = frozenset()
    without_genres: frozenset[str] = frozenset()

    @property
    def columns(self) -> list[str]:
        """Columns of a planning table that are asked."""
        asked = {
            "licence": self.licences or self.without_licences,
            "barred": self.territories,
            "artist_numbers": self.artists or self.without_artists,
            "genres": self.genres or self.without_genres,
        }
        return [name for name, wishes in asked.items() if wishes]

    def __bool__(self) -> bool:
        return bool(self.columns)


@dataclass
class Sieve:
    """`wishes` at work. `met` are the columns in which any file so far had what was wished for;
    `seen` are licences and genres of the files so far, some hundreds of each at most."""

    wishes: FileWishes
    met: set[str] = field(default_factory=set)
    seen: dict[str, set[str]] = field(default_factory=dict)

    def sift(self, files: pa.Table) -> Mask:
        """Which rows are wanted; `files` has the columns that the wishes ask."""
        wanted = np.ones(files.num_rows, np.bool_)
        for name in self.wishes.columns:
            fits = self._fits(name, _whole(files.column(name)))
            if fits.any():
                self.met.add(name)
            wanted &= fits
        return wanted

    def _fits(self, name: str, column: pa.Array) -> Mask:
        wishes = self.wishes
        if name == "licence":
            return _of_text(column, self._noted(name, lambda text: _licensed(text, wishes)))
        if name == "barred":
            return ~_any_text(column, wishes.territories.__contains__)
        if name == "artist_numbers":
            fits = _any_number(column, wishes.artists) if wishes.artists else _all(column)
            return fits & ~_any_number(column, wishes.without_artists)
        fits = _all(column)
        if wishes.genres:
            wanted = self._noted(name, lambda text: text.lower() in wishes.genres)
            fits = _any_text(column, wanted)
        return fits & ~_any_text(column, lambda text: text.lower() in wishes.without_genres)

    def _noted(self, name: str, fits: Callable[[str], bool]) -> Callable[[str], bool]:
        """`fits`, which also notes what it is asked of."""
        seen = self.seen.setdefault(name, set())

        def fits_and_note(text: str) -> bool:
            if len(seen) < _SEEN:
                seen.add(text)
            return fits(text)

        return fits_and_note


def _licensed(text: str, wishes: FileWishes) -> bool:
    named = set(text.split(_TOGETHER)) | {text}
    if named & wishes.without_licences:
        return False
    if not wishes.licences or text in wishes.licences:
        return True
    return wishes.licences.issuperset(text.split(_TOGETHER))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    joined = column.combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        joined = pa.concat_arrays(joined.chunks) if joined.num_chunks else pa.array([], joined.type)
    return joined


def _all(column: pa.Array) -> Mask:
    return np.ones(len(column), np.bool_)


def _of_text(column: pa.Array, fits: Callable[[str], bool]) -> Mask:
    """Asked once for each text that there is."""
    if not len(column):
        return np.zeros(0, np.bool_)
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    answers = np.array([fits(text) for text in coded.dictionary.to_pylist()], np.bool_)
    answered: Mask = answers[coded.indices.to_numpy(zero_copy_only=False)]
    return answered


def _any_text(column: pa.Array, fits: Callable[[str], bool]) -> Mask:
    return _any(column, _of_text(column.values, fits))


def _any_number(column: pa.Array, wanted: frozenset[int]) -> Mask:
    numbers = np.fromiter(wanted, np.int64, len(wanted))
    return _any(column, np.isin(column.values.to_numpy(zero_copy_only=False), numbers))


def _any(lists: pa.Array, fits: Mask) -> Mask:
    """Whether any of a list's values fits; `fits` has one for each value of all lists."""
    before = np.zeros(len(fits) + 1, np.int64)
    np.cumsum(fits, out=before[1:])
    offsets = lists.offsets.to_numpy()
    found: Mask = before[offsets[1:]] > before[offsets[:-1]]
    return found

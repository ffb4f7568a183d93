"""Made-up words by rank: rank 0 the commonest. A longer vocabulary begins with the shorter one."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.synth.alphabets import (
    COMMON,
    LATIN,
    LATIN_HEADS,
    LATIN_TAILS,
    SYLLABLES,
    UNSPACED,
    WORDS_EACH,
)
from phonotheque.synth.draws import Draws, Ints, below

_SPREAD = 2_654_435_761  # odd and prime: neighbours in rank begin with other letters


class Vocabulary:
    """The words of all scripts in one Arrow array of strings; `latin` of them are Latin."""

    def __init__(self, latin: int) -> None:
        scripts = [_foreign(SYLLABLES[s]) for s in sorted(SYLLABLES)]
        self._words = pa.concat_arrays([_latin(latin), *scripts])
        starts = np.cumsum([latin] + [len(s) for s in scripts])
        self._start = np.concatenate([[0], starts[:-1]]).astype(np.int64)
        self._size = np.array([latin] + [len(s) for s in scripts], dtype=np.int64)
        self._separators = pa.array(
            ["" if s in UNSPACED else " " for s in (LATIN, *sorted(SYLLABLES))]
        )

    def phrases(self, ranks: list[Ints], scripts: Ints, counts: Ints) -> pa.Array:
        """Texts of the first `counts` of the words with these ranks in their script; each array of
        shape (n,)."""
        columns = []
        for place, rank in enumerate(ranks):
            at = self._start[scripts] + rank % self._size[scripts]
            columns.append(self._words.take(pa.array(at, mask=counts <= place)))
        between = self._separators.take(pa.array(scripts))
        return pc.binary_join_element_wise(*columns, between, null_handling="skip")


def _latin(size: int) -> pa.Array:
    heads, tails = len(LATIN_HEADS), len(LATIN_TAILS)
    rank = np.arange(max(size - len(COMMON), 0), dtype=np.int64)
    spread = rank % (heads * tails) * _SPREAD % (heads * tails)
    words = pc.binary_join_element_wise(
        pa.array(LATIN_HEADS).take(pa.array(spread % heads)),
        pa.array(["", *LATIN_TAILS]).take(pa.array(rank // (heads * tails) % tails)),
        pa.array(LATIN_TAILS).take(pa.array(spread // heads)),
        "",
    )
    return pa.concat_arrays([pa.array(COMMON[:size]), words])


def _foreign(syllables: list[str]) -> pa.Array:
    n = len(syllables)
    rank = np.arange(WORDS_EACH, dtype=np.int64)
    spread = rank * _SPREAD % (n * n * n)
    parts = pa.array(syllables)
    return pc.binary_join_element_wise(
        pc.utf8_capitalize(parts).take(pa.array(spread % n)),
        parts.take(pa.array(spread // n % n)),
        parts.take(pa.array(spread // n // n, mask=rank % 3 == 0)),
        "",
        null_handling="skip",
    )


def choose(values: list[str], draws: Draws) -> pa.Array:
    """One of `values` for each draw, evenly."""
    return pa.array(values).take(pa.array(below(draws, len(values))))

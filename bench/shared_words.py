"""The words of made-up titles, with the words of real ones among them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.synth.alphabets import (
    ARABIC,
    CYRILLIC,
    DEVANAGARI,
    GREEK,
    HAN,
    HANGUL,
    HEBREW,
    KANA,
    LATIN,
    UNSPACED,
)
from phonotheque.synth.draws import Ints
from phonotheque.synth.vocabulary import Vocabulary

_SCRIPTS = 9
_BY_NAME = {
    "LATIN": LATIN, "CYRILLIC": CYRILLIC, "GREEK": GREEK, "ARABIC": ARABIC, "HEBREW": HEBREW,
    "DEVANAGARI": DEVANAGARI, "CJK": HAN, "HIRAGANA": KANA, "KATAKANA": KANA,
    "KATAKANA-HIRAGANA": KANA, "HANGUL": HANGUL,
}  # fmt: skip
_UNSPACED_RUN = re.compile("[\u3040-\u30ff]+|[\u4e00-\u9fff]+")


class SharedWords:
    """A `Vocabulary` in which every second rank is a real word of the script, the most frequent
    first, as long as there are any; it takes the place of `World.words`."""

    def __init__(self, made_up: Vocabulary, texts: Iterable[str]) -> None:
        self._made_up = made_up
        real = count_words(texts)
        sizes = [len(real[script]) for script in range(_SCRIPTS)]
        self._words = pa.array([w for s in range(_SCRIPTS) for w in real[s]] or [""], pa.string())
        self._size = np.array(sizes, dtype=np.int64)
        self._start = np.cumsum([0, *sizes[:-1]]).astype(np.int64)
        self._separators = pa.array(["" if s in UNSPACED else " " for s in range(_SCRIPTS)])

    def phrases(self, ranks: list[Ints], scripts: Ints, counts: Ints) -> pa.Array:
        """As `Vocabulary.phrases`."""
        ones = np.ones(len(scripts), dtype=np.int64)
        columns = []
        for place, rank in enumerate(ranks):
            missing = counts <= place
            is_real = (rank % 2 == 0) & (rank // 2 < self._size[scripts]) & ~missing
            at = np.where(is_real, self._start[scripts] + rank // 2, 0)
            word = pc.if_else(
                pa.array(is_real),
                self._words.take(pa.array(at)),
                self._made_up.phrases([rank], scripts, ones),
            )
            columns.append(pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), word))
        between = self._separators.take(pa.array(scripts))
        return pc.binary_join_element_wise(*columns, between, null_handling="skip")


def count_words(texts: Iterable[str]) -> dict[int, list[str]]:
    """The words of `texts` by script, most frequent first; of a run of Han or kana, its pairs."""
    counts: dict[int, Counter[str]] = {script: Counter() for script in range(_SCRIPTS)}
    for text in texts:
        for word in text.split():
            script = _script(word)
            if script in UNSPACED:
                for run in _UNSPACED_RUN.findall(word):
                    pairs = [run[i : i + 2] for i in range(0, len(run), 2)]
                    counts[_script(run) or HAN].update(pairs)
            elif script is not None:
                counts[script][word] += 1
    return {script: [word for word, _ in found.most_common()] for script, found in counts.items()}


def _script(word: str) -> int | None:
    for letter in word:
        if letter.isalpha():
            return _BY_NAME.get(unicodedata.name(letter, "").split(" ")[0])
    return None

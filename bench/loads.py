"""Queries by class for timing: the known items, and what is hard to be quick at."""

from collections import Counter

import numpy as np

from bench.known_items import UNKNOWN
from bench.questions import Collection, Question, make_questions
from phonotheque.model.text import normalise

OURS_ALONE = frozenset({"phrase", "fields", "year_filter", "licence_filter", "hostile"})
_COMMONEST = 12


def make_loads(collection: Collection, count: int) -> dict[str, list[Question]]:
    """Up to `count` queries of each class, of the half that may be looked at."""
    found = make_questions(collection, "tune", count)
    out = {name: asked for name, asked in found.items() if asked}
    items = [i for i in collection.items.values() if i.half == "tune" and i.artist != UNKNOWN]
    rng = np.random.default_rng(13)
    chosen = [items[i] for i in rng.integers(0, len(items), count).tolist()]
    counts = Counter(word for item in items for word in _words(item.title) if len(word) > 1)
    common = [word for word, _ in counts.most_common(_COMMONEST)]
    rare = [word for word, n in counts.items() if n == 1 and len(word) > 5]
    starts = [word for item in chosen for word in _words(item.title)[:1]]
    queries = {
        "common_words": [f"{a} {b} " for a in common for b in common if a != b],
        "no_hit": [f"{a} {b} {c}" for a, b, c in zip(*[iter(rng.permutation(rare))] * 3,
                                                     strict=False)],
        **{f"prefix_{n}": [word[:n] for word in starts if len(word) > n] for n in (1, 2, 3)},
        "phrase": [f'"{item.title}"' for item in chosen],
        "fields": [f"artist:{_words(i.artist)[0]} title:{_words(i.title)[0]} "
                   for i in chosen if _words(i.artist) and _words(i.title)],
        "year_filter": [f"{word} year:{1960 + n % 50}..{1970 + n % 50}"
                        for n, word in enumerate(starts)],
        "licence_filter": [f"{word} licence:cc-by" for word in starts],
        "hostile": _hostile(common, [item.title for item in chosen[:20]]),
    }  # fmt: skip
    for name, asked in queries.items():
        unique = list(dict.fromkeys(asked))[:count]
        if unique:
            out[name] = [Question(query, frozenset(), "uniform") for query in unique]
    return out


def _words(text: str) -> list[str]:
    return normalise(text).split()


def _hostile(common: list[str], titles: list[str]) -> list[str]:
    """Long, odd, and made to cost."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [
        " ".join(common * 40),
        " ".join(titles)[:4_000],
        *(letter for letter in letters),
        " ".join(letters),
        " ".join(f"{a}{b}" for a in letters for b in letters),
        "x" * 10_000,
        "\u202e" + " ".join(common) + "\u202c",
        "\x00\x07" + common[0],
        "🎵🎶 🎧",
        "a\u0301" * 500,
        '"' * 200,
        "artist:" * 50,
        "title:a release:b label:c year:..",
        "的 的 的 的",
        "ー",
        "- -- ---",
    ]

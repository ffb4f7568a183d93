"""Known-item queries: what somebody types who looks for one recording, and which one that is.

Half of the queries of a class look for items drawn evenly, half for items drawn by their listens.
What is right is every recording of the same artist and title; of a title that several recordings
have alone (`ties`), the most listened one. The classes:

- `artist_title`, `title`: as written. Titles that more than ten recordings share are left out.
- `accents`: artist and title of those with accents, without them.
- `typo_1`, `typo_2`: one and two slips in artist and title; `title_typo`: one in the title alone.
- `transposed`: the words of artist and title in another order.
- `truncated`: artist and title, the last word unfinished.
- `script`: artist and title in Latin letters, of those in another script (Han is left out).
- `cjk_substring`: 2 to 5 characters out of the middle of a Chinese or Japanese title.
- `noise`: "(Remastered 2011)", "feat. …" and the like, which the recording's texts do not have.
- `ties`: a title, or an artist and title, that several recordings have.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from bench.known_items import UNKNOWN, Item
from bench.romanising import romanise
from phonotheque.model.text import normalise

MOST_SHARED = 10
_KEYS = "qwertyuiopasdfghjklzxcvbnm"
_BESIDE = "wertyuiopqsdfghjklaxcvbnmz"
_NOISE = [
    "{title} (Remastered 2011) {artist}", "{artist} - {title} (2009 Remaster)",
    "{artist} {title} (Official Video)", "{artist} - {title} [HQ]",
    "{artist} feat. {guest} - {title}", "{title} (feat. {guest}) {artist}",
    "{artist} {title} (Radio Edit)", "{artist} - {title} - Remastered",
]  # fmt: skip
_CJK_RUN = re.compile("[\u3041-\u30ff\u4e00-\u9fff]{3,}")

Make = Callable[[Item, np.random.Generator], str | None]


@dataclass(frozen=True, slots=True)
class Question:
    """A query, the numbers of the recordings that are right, and how it was drawn: ``uniform`` or
    ``popular``."""

    query: str
    right: frozenset[int]
    drawn: str


@dataclass(frozen=True)
class Collection:
    """The planted items by number, and of each folded title of theirs who has it: the numbers of
    all recordings with it, most listened first (as many as were counted)."""

    items: Mapping[int, Item]
    listens: Mapping[int, int]
    titled: Mapping[str, Sequence[int]]


def make_questions(collection: Collection, half: str, count: int) -> dict[str, list[Question]]:
    """Up to `count` questions of each class, out of the items of `half`."""
    same: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, item in collection.items.items():
        same[item.key].append(number)
    chosen = {n: item for n, item in collection.items.items() if item.half == half}
    out = {}
    for name, make in CLASSES.items():
        rng = np.random.default_rng([len(name), *name.encode(), *half.encode()])
        titles_only = name in ("title", "title_typo")

        def ask(number: int, drawn: str, make: Make = make, rng: np.random.Generator = rng,
                titles_only: bool = titles_only) -> Question | None:  # fmt: skip
            item = collection.items[number]
            if titles_only and len(collection.titled[normalise(item.title)]) > MOST_SHARED:
                return None
            query = make(item, rng)
            return query and Question(query, frozenset(same[item.key]), drawn)  # type: ignore

        out[name] = _draw(chosen, collection.listens, count, rng, ask)
    rng = np.random.default_rng([1, *half.encode()])
    out["ties"] = _draw(
        chosen, collection.listens, count, rng, lambda n, drawn: _tie(collection, same, n, drawn)
    )
    return out


def _draw(
    items: Mapping[int, Item], listens: Mapping[int, int], count: int, rng: np.random.Generator,
    ask: Callable[[int, str], Question | None],
) -> list[Question]:  # fmt: skip
    """Half of `count` from items drawn evenly, half by their listens, no query twice."""
    numbers = np.array(sorted(items))
    weights = np.array([listens[n] + 1 for n in numbers.tolist()], dtype=np.float64) ** 0.5
    evenly = rng.permutation(numbers).tolist()
    # by weight, without replacement (Efraimidis and Spirakis 2006)
    popular = numbers[np.argsort(rng.exponential(size=len(numbers)) / weights)].tolist()
    out: dict[str, Question] = {}
    for drawn, order, upto in (("uniform", evenly, count // 2), ("popular", popular, count)):
        for asked in islice(_asked(order, drawn, ask, out), upto - len(out)):
            out[asked.query] = asked
    return list(out.values())


def _asked(
    order: Sequence[int], drawn: str, ask: Callable[[int, str], Question | None],
    known: Mapping[str, Question],
) -> Iterator[Question]:  # fmt: skip
    for number in order:
        asked = ask(number, drawn)
        if asked is not None and asked.query not in known:
            yield asked


def _tie(
    collection: Collection, same: Mapping[tuple[str, str], Sequence[int]], number: int, drawn: str
) -> Question | None:
    item = collection.items[number]
    alike = same[item.key]
    if len(alike) > 1 and item.artist != UNKNOWN:
        first = max(alike, key=lambda n: (collection.listens[n], -n))
        return Question(f"{item.artist} {item.title}", frozenset([first]), drawn)
    titled = collection.titled[normalise(item.title)]
    if len(titled) < 2:
        return None
    return Question(item.title, frozenset(titled[:1]), drawn)


# ------------------------------------------------------------------ the classes


def _both(item: Item) -> str | None:
    return None if item.artist == UNKNOWN else f"{item.artist} {item.title}"


def _accents(item: Item, _: np.random.Generator) -> str | None:
    text = _both(item)
    if text is None:
        return None
    apart = unicodedata.normalize("NFD", text)
    bare = re.sub("[\u0300-\u036f]", "", apart)
    return bare if bare != apart and bare.isascii() else None


def _slip(text: str, rng: np.random.Generator, times: int, shortest: int) -> str | None:
    """`times` slips of the fingers, each in another Latin word of at least `shortest` letters."""
    words = text.split()
    long = [i for i, w in enumerate(words) if len(w) >= shortest and re.match("[A-Za-z]", w)]
    if len(long) < times:
        return None
    for at in rng.choice(long, times, replace=False).tolist():
        words[at] = _slipped(words[at], rng)
    return " ".join(words)


def _slipped(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(1, len(word) - 1))
    before, one, two, after = word[:at], word[at], word[at + 1], word[at + 2 :]
    beside = dict(zip(_KEYS, _BESIDE, strict=True)).get(one.lower(), "e")
    ways = [before + two + one + after, before + beside + two + after, before + two + after,
            before + one + one + two + after]  # fmt: skip
    done = ways[int(rng.choice(4, p=[0.4, 0.25, 0.2, 0.15]))]
    return done if done != word else before + two + after


def _typo(times: int) -> Make:
    def make(item: Item, rng: np.random.Generator) -> str | None:
        text = _both(item)
        return text and _slip(text, rng, times, 4)

    return make


def _transposed(item: Item, rng: np.random.Generator) -> str | None:
    words = (_both(item) or "").split()
    if len(words) < 2:
        return None
    for _ in range(5):
        turned = [words[i] for i in rng.permutation(len(words)).tolist()]
        if turned != words:
            return " ".join(turned)
    return None


def _truncated(item: Item, rng: np.random.Generator) -> str | None:
    text = _both(item) or ""
    last = text.split()[-1] if text.split() else ""
    if len(last) < 4 or not last.isalpha():
        return None
    return text[: -int(rng.integers(1, len(last) - 1))]


def _script(item: Item, _: np.random.Generator) -> str | None:
    said = [romanise(text) or text for text in (item.artist, item.title)]
    return " ".join(said) if said != [item.artist, item.title] and all(map(_plain, said)) else None


def _plain(text: str) -> bool:
    return unicodedata.normalize("NFKC", text).isascii()


def _cjk(item: Item, rng: np.random.Generator) -> str | None:
    runs = _CJK_RUN.findall(item.title)
    if not runs:
        return None
    run = max(runs, key=len)
    length = min(int(rng.integers(2, 6)), len(run) - 1)
    at = int(rng.integers(0, len(run) - length + 1))
    return str(run[at : at + length])


def _noise(item: Item, rng: np.random.Generator) -> str | None:
    if item.artist == UNKNOWN:
        return None
    guest = ["Lena Marlow", "DJ Koral", "Nina Vale", "MC Tarn"][int(rng.integers(4))]
    form = _NOISE[int(rng.integers(len(_NOISE)))]
    return form.format(artist=item.artist, title=item.title, guest=guest)


CLASSES: dict[str, Make] = {
    "artist_title": lambda item, _: _both(item),
    "title": lambda item, _: item.title,
    "accents": _accents,
    "typo_1": _typo(1),
    "typo_2": _typo(2),
    "title_typo": lambda item, rng: _slip(item.title, rng, 1, 5),
    "transposed": _transposed,
    "truncated": _truncated,
    "script": _script,
    "cjk_substring": _cjk,
    "noise": _noise,
}

"""The peer Tantivy, set up as well as we know.

Title, artist and other texts are fields of lower-cased words with Latin letters folded to ASCII and
positions, each Han or kana character a word, so that a substring is a phrase. Documents go in by
rank, in one thread. All words are demanded, each scored by its best field (BM25; title 2, artist
1.5, other 0.7), the sum weighted by log2(2 + log10(1 + listens) / 4). Where fewer than asked for
are found and the query may go on, the last word is taken for a beginning. Where nothing is found,
words of four letters or more may have one slip, then two; then one word may be missing, then half,
then all but one.
"""

from collections.abc import Callable
from math import log10
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tantivy
from tantivy import Occur, Query

from bench.peer_texts import apart, iter_rows, split_query

_FIELDS = {"title": 2.0, "artist": 1.5, "other": 0.7}
_TOKENIZER = "folded"
_HEAP_BYTES = 512 << 20
_FUZZY_FROM = 4


def _analyzer() -> tantivy.TextAnalyzer:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(64))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .build()
    )


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in _FIELDS:
        builder.add_text_field(name, tokenizer_name=_TOKENIZER, index_option="position")
    builder.add_unsigned_field("number", stored=True, indexed=False)
    builder.add_float_field("weight", fast=True, indexed=False)
    return builder.build()


def build_tantivy(edition: Path, folder: Path) -> None:
    """Make the index in `folder`."""
    folder.mkdir(parents=True)
    index = tantivy.Index(_schema(), path=str(folder))
    index.register_tokenizer(_TOKENIZER, _analyzer())
    writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
    for _, number, listens, title, artist, other in iter_rows(edition):
        row = tantivy.Document(
            title=apart(title), artist=apart(artist), other=apart(other),
            weight=log10(1 + listens) / 4,
        )  # fmt: skip
        row.add_unsigned("number", number)
        writer.add_document(row)
    writer.commit()
    writer.wait_merging_threads()


class Tantivy:
    """The index asked."""

    def __init__(self, folder: Path, _: npt.NDArray[np.int64] | None = None) -> None:
        self._index = tantivy.Index.open(str(folder))
        self._index.register_tokenizer(_TOKENIZER, _analyzer())
        self._schema = self._index.schema
        self._searcher = self._index.searcher()
        self._analyze = _analyzer()

    def search(self, query: str, limit: int) -> list[int]:
        """Recording numbers, best first."""
        phrases = [self._analyze.analyze(" ".join(words)) for words in split_query(query)]
        phrases = [p for p in phrases if p]
        if not phrases:
            return []
        found = self._find(self._all(phrases, self._whole), limit)
        if len(found) < limit and not query.endswith(" "):
            begun = [(Occur.Must, self._whole(p)) for p in phrases[:-1]]
            begun.append((Occur.Must, self._beginning(phrases[-1])))
            more = self._find(Query.boolean_query(begun), limit)
            found += [number for number in more if number not in found]
        for distance in (1, 2):
            if not found:
                found = self._find(self._all(phrases, self._slipped(distance)), limit)
        if not found and len(phrases) > 1:
            ways = [(Occur.Should, self._slipped(1)(p)) for p in phrases]
            for least in (len(phrases) - 1, (len(phrases) + 1) // 2, 1):
                found = found or self._find(Query.boolean_query(ways, least), limit)
        return found[:limit]

    def close(self) -> None:
        """Nothing to let go of."""

    def _find(self, query: Query, limit: int) -> list[int]:
        hits = self._searcher.search(query, limit, count=False, weight_by_field="weight").hits
        return [int(self._searcher.doc(address)["number"][0]) for _, address in hits]

    def _all(self, phrases: list[list[str]], make: Callable[[list[str]], Query]) -> Query:
        return Query.boolean_query([(Occur.Must, make(p)) for p in phrases])

    def _in_fields(self, make: Callable[[str], Query]) -> Query:
        ways = [Query.boost_query(make(field), boost) for field, boost in _FIELDS.items()]
        return Query.disjunction_max_query(ways)

    def _whole(self, phrase: list[str]) -> Query:
        if len(phrase) > 1:
            return self._in_fields(lambda f: Query.phrase_query(self._schema, f, list(phrase)))
        return self._in_fields(lambda f: Query.term_query(self._schema, f, phrase[0]))

    def _beginning(self, phrase: list[str]) -> Query:
        if len(phrase) > 1:
            return self._whole(phrase)
        return self._in_fields(
            lambda f: Query.fuzzy_term_query(self._schema, f, phrase[0], distance=0, prefix=True)
        )

    def _slipped(self, distance: int) -> Callable[[list[str]], Query]:
        def make(phrase: list[str]) -> Query:
            if len(phrase) > 1 or len(phrase[0]) < _FUZZY_FROM:
                return self._whole(phrase)
            exact = self._whole(phrase)
            near = self._in_fields(
                lambda f: Query.fuzzy_term_query(self._schema, f, phrase[0], distance=distance)
            )
            return Query.disjunction_max_query([Query.boost_query(exact, 1.5), near])

        return make

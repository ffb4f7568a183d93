"""Where the words of a query stand in a text, in code points of the text as it is shown. Pure."""

from collections.abc import Iterator, Sequence

from phonotheque.search.query import Field, Term
from phonotheque.search.values import DisplayRow, Highlights, Spans
from phonotheque.search.words import is_wide, word_spans, words


def highlight(row: DisplayRow, terms: Sequence[Term]) -> Highlights:
    """Where `terms` stand in the title, artist credit and release title of a row."""
    return Highlights(
        title=find_spans(row.title, terms, Field.TITLE),
        artist=find_spans(row.artist, terms, Field.ARTIST),
        release_title=find_spans(row.release_title or "", terms, Field.RELEASE),
    )


def find_spans(text: str, terms: Sequence[Term], field: Field) -> Spans:
    """Where those of `terms` that may stand in `field` stand in `text`: (begin, end), rising and
    apart. Of a word that was typed as a beginning, the beginning."""
    looked_for = [term for term in terms if term.field in (Field.ANY, field)]
    if not looked_for or not text:
        return ()
    whole = {term.text for term in looked_for}
    beginnings = [term.text for term in looked_for if term.prefix]
    found: list[tuple[int, int]] = []
    for word, begin, end in word_spans(text):
        if word in whole:
            found.append((begin, end))
        else:
            found.extend(_parts(text, word, begin, end, beginnings))
    return _united(found)


def _parts(
    text: str, word: str, begin: int, end: int, beginnings: Sequence[str]
) -> Iterator[tuple[int, int]]:
    """What of a word was typed: its beginning, or one character of a pair."""
    for typed in beginnings:
        if word.startswith(typed):
            yield begin, _end_of(typed, text, begin, end)
        elif len(word) == 2 and word[1] == typed and is_wide(word):
            yield end - 1, end


def _end_of(typed: str, text: str, begin: int, end: int) -> int:
    """Where, within a word of the text, what was typed of it is complete."""
    for at in range(begin + 1, end):
        if "".join(words(text[begin:at])).startswith(typed):
            return at
    return end


def _united(spans: list[tuple[int, int]]) -> Spans:
    """The spans in order; those that meet become one."""
    out: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if out and begin <= out[-1][1]:
            out[-1] = out[-1][0], max(end, out[-1][1])
        else:
            out.append((begin, end))
    return tuple(out)

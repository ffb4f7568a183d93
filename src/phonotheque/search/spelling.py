"""Words of the index within one typing error of a word."""

from dataclasses import replace

from phonotheque.search.files import IndexFiles
from phonotheque.search.matching import Wanted
from phonotheque.search.spellings import latin_readings
from phonotheque.search.words import is_wide

MAX_SUGGESTIONS = 24


def within_one_edit(a: str, b: str) -> bool:
    """Whether one letter more, less or other, or two neighbours swapped, makes `b` of `a`."""
    if abs(len(a) - len(b)) > 1:
        return False
    if len(a) > len(b):
        a, b = b, a
    at = next((i for i, c in enumerate(a) if c != b[i]), len(a))
    if len(a) < len(b):
        return a[at:] == b[at + 1 :]
    swapped = a[:at] + a[at + 1 : at + 2] + a[at : at + 1] + a[at + 2 :]
    return a[at + 1 :] == b[at + 1 :] or swapped == b


def suggestions(files: IndexFiles, word: Wanted, least: int = 1) -> list[Wanted]:
    """Terms within one edit of `word`, or of what it is in Latin letters, with `least` documents
    or more, the most frequent first.

    A number has none: another one is no other spelling of it. Nor has a pair of Han or kana.
    """
    text = word.term.text
    if text.isdecimal() or is_wide(text):
        return []
    wanted = [text] if text.isascii() else [text, *latin_readings(text)]
    near = {term for form in wanted for term in files.near_terms(form)}
    near.update(t for t in map(files.term_id, wanted[1:]) if t is not None)
    counted = [(-files.frequency(term, term + 1), term) for term in near]
    found: list[Wanted] = []
    for count, term in sorted(counted):
        other = files.term_text(term)
        if -count < least or len(found) == MAX_SUGGESTIONS:
            break
        if other != text and any(form == other or within_one_edit(form, other) for form in wanted):
            found.append(
                Wanted(replace(word.term, text=other, prefix=False), term, term + 1, whole=True)
            )
    return found

"""How people write the same words differently, and how machines damage them: columns to columns."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.synth.draws import Draws, Ints, again, below, pick

_KEYS = "qwertyuiopasdfghjklzxcvbnm"
_BESIDE = "wertyuiopqsdfghjklaxcvbnmz"
_LONGEST_TYPO = 16  # slips fall into the first letters
_ENTITIES = {
    "&": "&amp;", "á": "&aacute;", "à": "&agrave;", "ã": "&atilde;", "ä": "&auml;", "å": "&aring;",
    "é": "&eacute;", "è": "&egrave;", "ê": "&ecirc;", "í": "&iacute;", "ó": "&oacute;",
    "õ": "&otilde;", "ö": "&ouml;", "ø": "&oslash;", "ú": "&uacute;", "ü": "&uuml;",
    "ç": "&ccedil;", "ñ": "&ntilde;",
}  # fmt: skip


def drop_accents(texts: pa.Array) -> pa.Array:
    """Without the accents of Latin, Greek and Cyrillic letters."""
    apart = pc.utf8_normalize(texts, "NFD")
    return pc.utf8_normalize(pc.replace_substring_regex(apart, "[\\x{300}-\\x{36f}]", ""), "NFC")


def invert_article(texts: pa.Array) -> pa.Array:
    """ "The Doors" as "Doors, The"."""
    return pc.replace_substring_regex(texts, "^(The|Los|El|Die) (.+)$", "\\2, \\1")


def mistype(texts: pa.Array, draws: Draws) -> pa.Array:
    """One slip of the fingers in each text: letters swapped, a neighbouring key, one left out, one
    doubled. Texts of fewer than five characters stay as they are."""
    lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False).astype(np.int64)
    at = 1 + below(again(draws), np.maximum(np.minimum(lengths, _LONGEST_TYPO) - 2, 1))
    slip = pick(draws, [40, 25, 20, 15])
    at = np.where(lengths < 5, 0, at)
    order, parts = [], []
    for place in np.unique(at):
        chosen = np.flatnonzero(at == place)
        here = texts.take(pa.array(chosen))
        order.append(chosen)
        parts.append(_slipped(here, int(place), slip[chosen]) if place else here)
    back = np.argsort(np.concatenate(order)) if order else np.array([], dtype=np.int64)
    return pa.concat_arrays([p.cast(pa.string()) for p in parts]).take(pa.array(back))


def _slipped(texts: pa.Array, place: int, slip: Ints) -> pa.Array:
    before = pc.utf8_slice_codeunits(texts, 0, place)
    one = pc.utf8_slice_codeunits(texts, place, place + 1)
    two = pc.utf8_slice_codeunits(texts, place + 1, place + 2)
    after = pc.utf8_slice_codeunits(texts, place + 2)
    near = pc.index_in(pc.utf8_lower(one), pa.array(list(_KEYS)))
    other = pc.coalesce(pa.array(list(_BESIDE)).take(near), one)
    first = pc.choose(pa.array(slip), two, other, two, one)
    second = pc.choose(pa.array(slip), one, two, "", one)
    third = pc.if_else(pa.array(slip == 3), two, "")
    return pc.binary_join_element_wise(before, first, second, third, after, "")


def misread(texts: pa.Array) -> pa.Array:
    """UTF-8 taken for Latin-1: "Café" becomes "CafÃ©"."""
    data, starts = _bytes_of(texts)
    high = data >= 128
    width = 1 + high.astype(np.int64)
    ends = np.concatenate([[0], np.cumsum(width)])
    out = np.empty(int(ends[-1]), dtype=np.uint8)
    last = ends[1:] - 1
    out[last] = np.where(data >= 0xC0, data - 0x40, data)
    out[ends[:-1][high]] = np.where(data[high] >= 0xC0, 0xC3, 0xC2)
    offsets = ends[starts].astype(np.int32)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(out))


def _bytes_of(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], Ints]:
    whole = pa.concat_arrays([texts])  # no offset of its own
    _, offsets, data = whole.buffers()
    at = np.frombuffer(offsets, dtype=np.int32)[whole.offset : whole.offset + len(whole) + 1]
    content = np.frombuffer(data or b"", dtype=np.uint8)[at[0] : at[-1]]
    return content, (at - at[0]).astype(np.int64)


def lose_letters(texts: pa.Array) -> pa.Array:
    """What an old character set does not have becomes a question mark."""
    return pc.replace_substring_regex(texts, "[^\\x00-\\x7f]", "?")


def escape_entities(texts: pa.Array) -> pa.Array:
    """As copied from the source of a web page."""
    for letter, entity in _ENTITIES.items():
        texts = pc.replace_substring(texts, letter, entity)
    return texts

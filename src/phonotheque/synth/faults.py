"""Faults in known proportions, each named in the truth: codes, MBIDs, damaged and lost letters."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.synth.coded import Tracks
from phonotheque.synth.draws import Draws, Ints, Mask, again, below, draw, happens, pick
from phonotheque.synth.habits import Habits
from phonotheque.synth.songs import VERSION, Songs
from phonotheque.synth.vocabulary import choose
from phonotheque.synth.wording import escape_entities, lose_letters, misread
from phonotheque.synth.world import World, put

FAULTS = (
    "text.misread",
    "text.letters-lost",
    "text.entities",
    "text.nul",
    "title.empty",
    "isrc.malformed",
    "isrc.several",
    "isrc.placeholder",
    "isrc.one-for-album",
    "isrc.copied-to-version",
    "mbid.wrong",
)
"""What may be wrong with a row; the number of a fault is its place from 1, and 0 is none."""

_NUMBER = {name: at for at, name in enumerate(FAULTS, 1)}
_FILLERS = ["000000000000", "XX0000000000", "AAAAA0000000", "USXXX0000000", "NONE"]
_SECOND = "QT"  # countries that no first code has


def name_faults(numbers: Ints) -> pa.Array:
    """The names of faults; null where there is none."""
    return pa.array(FAULTS).take(pa.array(np.maximum(numbers - 1, 0), mask=numbers == 0))


def damage_texts(
    title: pa.Array, credit: pa.Array, draws: Draws, habits: Habits, faults: Ints
) -> tuple[pa.Array, pa.Array, Ints]:
    """(titles, credits, number of the fault) after damage to letters, where no fault was yet."""
    each, gone = habits.damaged, habits.emptied
    kind = pick(draws, [1 - 3 * each - 2 * gone, each, each, each, gone, gone])
    kind[faults > 0] = 0
    faults = faults.copy()
    for number, change in ((1, misread), (2, lose_letters), (3, escape_entities)):
        at = np.flatnonzero(kind == number)
        if len(at):
            titles, credits = (change(c.take(pa.array(at))) for c in (title, credit))
            same = pc.and_(
                pc.equal(titles, title.take(pa.array(at))),
                pc.equal(credits, credit.take(pa.array(at))),
            )
            title, credit = put(title, at, titles), put(credit, at, credits)
            faults[at] = np.where(same.to_numpy(zero_copy_only=False), 0, number)
    at = np.flatnonzero(kind == 4)
    cut = pc.binary_replace_slice(title.take(pa.array(at)).cast(pa.binary()), 1, 1, b"\0")
    ascii_first = pc.match_substring_regex(title.take(pa.array(at)), "^[ -~]")
    at_plain = at[ascii_first.to_numpy(zero_copy_only=False)]
    title = put(title, at_plain, cut.filter(ascii_first).cast(pa.string()))
    faults[at_plain] = 4
    at = np.flatnonzero(kind == 5)
    title = put(title, at, pa.array([""] * len(at), pa.string()))
    faults[at] = 5
    return title, credit, faults


def faulty_codes(
    world: World, habits: Habits, tracks: Tracks, songs: Songs, draws: Draws
) -> tuple[pa.Array, Ints]:
    """(the field of codes, number of the fault)."""
    n = len(tracks.recording)
    faults = np.zeros(n, dtype=np.int64)
    coded = happens(draw(world.seed, f"{habits.source} codes", tracks.recording), habits.codes)
    of = tracks.recording.copy()
    copied = coded & (songs.how == VERSION) & happens(draws, habits.copied_codes)
    of[copied] = songs.of[copied]
    faults[copied] = _NUMBER["isrc.copied-to-version"]
    album = happens(draw(world.seed, f"{habits.source} one", tracks.release), habits.album_codes)
    album &= tracks.size > 4
    _, first, inverse = np.unique(tracks.release, return_index=True, return_inverse=True)
    of[album] = tracks.recording[first][inverse][album]
    faults[album] = np.where(of == tracks.recording, 0, _NUMBER["isrc.one-for-album"])[album]
    written = coded | album
    codes = world.isrcs(world.codes(of))
    right = written & (faults == 0)
    rest = draw(world.seed, f"{habits.source} written", tracks.number)
    kind = np.where(right, pick(rest, [1 - 2 * habits.bad_codes, *[habits.bad_codes] * 2]), 0)
    codes = _malformed(codes, kind == 1, again(rest))
    codes = _several(codes, kind == 2, rest)
    codes = _styled(codes, written & (kind == 0), draws)
    faults[kind == 1] = _NUMBER["isrc.malformed"]
    faults[kind == 2] = _NUMBER["isrc.several"]
    filled = ~written & happens(again(draws), habits.placeholders)
    at = np.flatnonzero(filled)
    codes = put(codes, at, choose(_FILLERS, rest[at]))
    faults[filled] = _NUMBER["isrc.placeholder"]
    return pc.if_else(pa.array(written | filled), codes, pa.scalar(None, pa.string())), faults


def _malformed(codes: pa.Array, mask: Mask, draws: Draws) -> pa.Array:
    at = np.flatnonzero(mask)
    here = codes.take(pa.array(at))
    shorter = pc.utf8_slice_codeunits(here, 0, 11)
    longer = pc.binary_join_element_wise(here, "1", "")
    mistaken = pc.binary_join_element_wise(pc.utf8_slice_codeunits(here, 0, 11), "O", "")
    return put(codes, at, pc.choose(pa.array(below(draws[at], 3)), shorter, longer, mistaken))


def _several(codes: pa.Array, mask: Mask, draws: Draws) -> pa.Array:
    """A second code of the same recording after the first."""
    at = np.flatnonzero(mask)
    here = codes.take(pa.array(at))
    second = pc.binary_join_element_wise(_SECOND, pc.utf8_slice_codeunits(here, 2), "")
    between = choose([";", ", ", "/", " | "], draws[at])
    return put(codes, at, pc.binary_join_element_wise(here, second, between))


def _styled(codes: pa.Array, mask: Mask, draws: Draws) -> pa.Array:
    """Well-formed all the same: hyphens, lower case, the word ISRC before it."""
    style = np.where(mask, pick(again(draws), [85, 8, 4, 3]), 0)
    at = np.flatnonzero(style)
    here = codes.take(pa.array(at))
    parts = [pc.utf8_slice_codeunits(here, a, b) for a, b in ((0, 2), (2, 5), (5, 7), (7, 12))]
    hyphens = pc.binary_join_element_wise(*parts, "-")
    named = pc.binary_join_element_wise("ISRC ", here, "")
    written = pc.choose(pa.array(style[at] - 1), hyphens, pc.utf8_lower(here), named)
    return put(codes, at, written)


def faulty_mbids(
    world: World, habits: Habits, tracks: Tracks, draws: Draws, faults: Ints
) -> tuple[pa.Array, Ints]:
    """(MBIDs of recordings, number of the fault): the wrong ones where there is no fault yet."""
    has = happens(draws, habits.mbids)
    wrong = has & happens(again(draws), habits.wrong_mbids) & (faults == 0)
    mbids = world.mbids(np.where(wrong, tracks.recording + 1, tracks.recording))
    found = np.where(wrong, _NUMBER["mbid.wrong"], faults)
    return pc.if_else(pa.array(has), mbids, pa.scalar(None, pa.string())), found

"""What recordings have to do with each other: versions, covers, karaoke, songs recorded again.

In the profile `open` some recordings are not of a song of their own. On an album only tracks at
even places derive from others, and only from tracks at odd places, so nothing derives from what is
derived itself.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from phonotheque.synth.draws import Ints, again, below, draw, happens, pick
from phonotheque.synth.layouts import ALBUMS, FRESH
from phonotheque.synth.world import World

NOT_DERIVED, VERSION, COVER, KARAOKE, ANEW = range(5)
_SHARES = [68.0, 20.0, 8.0, 2.0, 2.0]  # of recordings at even places, in percent

VERSIONS = ["Live", "Remix", "Radio Edit", "Acoustic", "Instrumental", "Demo", "Extended Mix",
            "Karaoke Version"]  # fmt: skip
_VERSION_SHARES = [34.0, 24.0, 12.0, 10.0, 8.0, 6.0, 6.0]
_LIVE, _EDIT, _SAME_LENGTH, _KARAOKE = 0, 2, 4, 7


@dataclass(frozen=True, slots=True)
class Songs:
    """Of some recordings, shape (n,) each: `of` has the recording whose song it is (itself, where
    it derives from none), `how` it derives, and `version`, an index into `VERSIONS` or -1."""

    of: Ints
    how: Ints
    version: Ints


def find_songs(world: World, recordings: Ints) -> Songs:
    """Which song each recording is of."""
    drawn = draw(world.seed, "derived", recordings)
    how = np.where(world.place(recordings) % 2 == 0, pick(drawn, _SHARES), NOT_DERIVED)
    far = _any_song(world, recordings)
    near = np.where((how == VERSION) | (how == ANEW), recordings - 1, recordings)
    of = np.where((how == COVER) | (how == KARAOKE), far, near)
    version = np.where(how == VERSION, pick(again(drawn), _VERSION_SHARES), -1)
    return Songs(of, how, np.where(how == KARAOKE, _KARAOKE, version))


def _any_song(world: World, recordings: Ints) -> Ints:
    """A recording for each, earlier or of the same block, that derives from no other."""
    drawn = draw(world.seed, "song", recordings)
    blocks = below(drawn, recordings // FRESH + 1)
    local = below(again(drawn), ALBUMS)
    return blocks * FRESH + world.layouts.start[world.layout(blocks), local]


def song_titles(world: World, songs: Songs) -> pa.Array:
    """Title of each song, without words on the version."""
    return world.song_titles(songs.of, world.artist(world.album(songs.of)))


def song_durations(world: World, recordings: Ints, songs: Songs) -> Ints:
    """Milliseconds: an instrumental or karaoke as long as the song, an edit shorter, the rest off
    by up to forty seconds; a cover has a length of its own."""
    base = world.durations(np.where(songs.how == COVER, recordings, songs.of))
    drawn = draw(world.seed, "longer", recordings)
    off = below(drawn, 60_000) - 20_000
    close = (songs.version >= _SAME_LENGTH) | happens(again(drawn), 0.08)
    off = np.where(close, below(drawn, 2_000) - 1_000, off)
    off = np.where(songs.version == _EDIT, -15_000 - below(drawn, 60_000), off)
    off = np.where(songs.how == ANEW, 12_000 + below(drawn, 60_000), off)
    derived = (songs.how != NOT_DERIVED) & (songs.how != COVER)
    return np.maximum(base + np.where(derived, off, 0), 20_000)

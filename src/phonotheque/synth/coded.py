"""The profile `coded`: one dump in which every track has its code, as the reference archive's."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.synth.draws import Ints, again, below, draw, happens, pick
from phonotheque.synth.layouts import ALBUMS, BLOCK, DISC, FRESH, RELEASES
from phonotheque.synth.vocabulary import choose
from phonotheque.synth.world import World, fixed_strings, put

SOURCE = "synth"
_REISSUE, _COMPILATION, _EXTRACT = range(3)
_ENDINGS = [" (Remastered)", " (Deluxe Edition)", "", " (Expanded Edition)", " [Reissue]", ""]
_COLLECTIONS = ["The Best of ", "Hits: ", "Ultimate ", "Now: ", "100 Greatest ", ""]
_ALPHABET = np.frombuffer(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", dtype=np.uint8
)
_LAST_YEAR = 2026

SCHEMA = pa.schema(
    [
        ("source_key", pa.string()),
        ("title", pa.string()),
        ("artist_credit", pa.string()),
        ("release_title", pa.string()),
        ("release_artist", pa.string()),
        ("release_key", pa.string()),
        ("release_year", pa.int16()),
        ("label", pa.string()),
        ("disc", pa.int16()),
        ("position", pa.int32()),
        ("duration_ms", pa.int32()),
        ("isrcs", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Tracks:
    """Tracks by number, shape (n,) each: what they are and on which release they stand."""

    number: Ints
    recording: Ints
    release: Ints  # number of the release
    position: Ints
    size: Ints  # tracks of the release
    kind: Ints  # of the release: -1 first, else reissue, compilation, extract
    album: Ints  # the album that the release is, or repeats


def find_tracks(world: World, numbers: Ints) -> Tracks:
    """What the tracks with these numbers are."""
    blocks, slots = np.divmod(numbers, BLOCK)
    layouts = world.layout(blocks)
    tables = world.layouts
    local, position = tables.release[layouts, slots], tables.position[layouts, slots]
    size, release = tables.size[layouts, local], blocks * RELEASES + local
    recording, album = blocks * FRESH + slots, blocks * ALBUMS + local
    kind = np.full(len(numbers), -1, dtype=np.int64)
    at = np.flatnonzero(slots >= FRESH)
    kind[at] = _kinds(world, release[at], size[at])
    repeats = Tracks(*(v[at] for v in (numbers, recording, release, position, size, kind, album)))
    recording[at], album[at] = _repeated(world, repeats)
    return Tracks(numbers, recording, release, position, size, kind, album)


def _kinds(world: World, releases: Ints, sizes: Ints) -> Ints:
    drawn = draw(world.seed, "kind", releases)
    return np.where(sizes <= 4, _EXTRACT, pick(drawn, [55, 45]))


def _repeated(world: World, tracks: Tracks) -> tuple[Ints, Ints]:
    """(recording, album) of tracks that repeat others: a reissue the album from its first track, an
    extract from somewhere in it, a compilation single recordings, the earlier the likelier."""
    mixed = tracks.kind == _COMPILATION
    drawn = draw(world.seed, "repeats", np.where(mixed, tracks.number + 2**40, tracks.release))
    share = drawn >> np.uint64(32)
    share = np.where(mixed, (share * share) >> np.uint64(32), share)
    upto = (tracks.release // RELEASES + 1).astype(np.uint64)
    blocks = ((share * upto) >> np.uint64(32)).astype(np.int64)
    layouts = world.layout(blocks)
    tables = world.layouts
    local = tables.holder[layouts, tracks.size]
    start = tables.start[layouts, local] + tracks.position - 1
    spare = tables.size[layouts, local] - tracks.size + 1
    start += np.where(tracks.kind == _EXTRACT, below(again(drawn), np.maximum(spare, 1)), 0)
    slots = np.where(mixed, below(again(drawn), FRESH), start)
    recordings = blocks * FRESH + slots
    return recordings, np.where(mixed, world.album(recordings), blocks * ALBUMS + local)


def make_rows(world: World, numbers: Ints, *, random_ids: bool = False) -> pa.RecordBatch:
    """The rows of the tracks with these numbers, with the columns of `SCHEMA`."""
    tracks = find_tracks(world, numbers)
    artists = world.artist(world.album(tracks.recording))
    codes = world.codes(tracks.recording)
    releases = release_columns(world, tracks)
    late = np.flatnonzero(tracks.kind >= 0)
    titles = world.titles(tracks.recording, artists)
    drawn = draw(world.seed, "copy", numbers)
    loud = late[happens(drawn[late], 0.05)]
    if len(loud):
        titles = put(titles, loud, pc.utf8_upper(titles.take(pa.array(loud))))
    drift = np.where(happens(again(drawn), 0.3), below(drawn, 1801) - 900, 0)
    drift = np.where(tracks.kind >= 0, drift, 0)
    disc, position = disc_places(tracks)
    columns = [
        _source_keys(world, tracks, random_ids),
        titles,
        world.credits(tracks.recording, artists),
        *releases,
        pa.array(disc.astype(np.int16)),
        pa.array(position.astype(np.int32)),
        pa.array((world.durations(tracks.recording) + drift).astype(np.int32)),
        world.isrcs(codes),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def disc_places(tracks: Tracks) -> tuple[Ints, Ints]:
    """(disc, position on it): a long release has two discs."""
    half = (tracks.size + 1) // 2
    second = (tracks.size > DISC) & (tracks.position > half)
    return 1 + second, np.where(second, tracks.position - half, tracks.position)


def _source_keys(world: World, tracks: Tracks, random_ids: bool) -> pa.Array:
    if not random_ids:
        return pc.binary_join_element_wise(
            pa.array(tracks.release).cast(pa.string()),
            pa.array(tracks.position).cast(pa.string()),
            "-",
        )
    text = np.empty((len(tracks.number), 22), dtype=np.uint8)
    for half in range(2):
        rest = draw(world.seed, f"id {half}", tracks.number)
        for column in range(half * 11, half * 11 + 11):
            rest, digit = np.divmod(rest, np.uint64(62))
            text[:, column] = _ALPHABET[digit.astype(np.int64)]
    return fixed_strings(text)


def release_columns(world: World, tracks: Tracks) -> list[pa.Array]:
    """release_title, release_artist, release_key, release_year, label: made for each release once,
    by its first track here that tells its album."""
    numbers, first, inverse = np.unique(tracks.release, return_index=True, return_inverse=True)
    kind = tracks.kind[first]
    drawn = draw(world.seed, "release", numbers)
    # a compilation has the name of an album of its own that is nowhere else
    age = np.where(kind == _COMPILATION, numbers // RELEASES * ALBUMS, tracks.album[first])
    titles = world.album_titles(np.where(kind == _COMPILATION, numbers + 2**28, age), age)
    artists = world.artist_names(world.artist(age))
    again_at = np.flatnonzero(kind == _REISSUE)
    mixed_at = np.flatnonzero(kind == _COMPILATION)
    titles = put(titles, again_at, pc.binary_join_element_wise(
        titles.take(pa.array(again_at)), choose(_ENDINGS, drawn[again_at]), ""))  # fmt: skip
    titles = put(titles, mixed_at, pc.binary_join_element_wise(
        choose(_COLLECTIONS, drawn[mixed_at]), titles.take(pa.array(mixed_at)), ""))  # fmt: skip
    various = pa.array(np.full(len(mixed_at), "Various Artists", dtype=object), pa.string())
    artists = put(artists, mixed_at, various)
    codes = world.codes(tracks.recording[first])
    years = np.where(kind == _COMPILATION, 1990 + below(drawn, 37), codes.year)
    years = np.where(kind == _REISSUE, years + 1 + below(drawn, 20), years)
    labels = np.where(kind >= 0, below(again(drawn), 5000), codes.registrant)
    columns = [
        titles,
        artists,
        pa.array(numbers).cast(pa.string()),
        pa.array(np.minimum(years, _LAST_YEAR).astype(np.int16)),
        world.labels(labels),
    ]
    order = pa.array(inverse)
    return [column.take(order) for column in columns]

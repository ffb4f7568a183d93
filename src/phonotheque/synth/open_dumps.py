"""The profile `open`: sources that tell of the same music, each in its way and with its faults."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.synth import coded
from phonotheque.synth.coded import Tracks, disc_places, find_tracks, release_columns
from phonotheque.synth.draws import Draws, Ints, Mask, again, below, draw, happens, pick
from phonotheque.synth.faults import damage_texts, faulty_codes, faulty_mbids, name_faults
from phonotheque.synth.habits import (
    IN_CREDIT,
    IN_TITLE,
    SHORT,
    SOURCES,
    UNSAID,
    VERSION_FORMS,
    Habits,
)
from phonotheque.synth.songs import VERSIONS, Songs, find_songs, song_durations, song_titles
from phonotheque.synth.wording import drop_accents, invert_article, mistype
from phonotheque.synth.world import FEATURING_SHARE, World, put

SCHEMA = coded.SCHEMA.append(pa.field("recording_mbid", pa.string()))


@dataclass(frozen=True, slots=True)
class Told:
    """Rows of one source and what they truly are; shape (n,) each."""

    rows: pa.RecordBatch
    recording: Ints
    fault: pa.Array


def tell(world: World, numbers: Ints) -> dict[str, Told]:
    """The rows of each source for the tracks with these numbers (whole releases)."""
    tracks = find_tracks(world, numbers)
    found = {}
    for habits in SOURCES:
        held = happens(draw(world.seed, f"{habits.source} has", tracks.release), habits.covers)
        found[habits.source] = _Teller(world, habits, _chosen(tracks, held)).told()
    return found


def _chosen(tracks: Tracks, mask: Mask) -> Tracks:
    return Tracks(
        tracks.number[mask],
        tracks.recording[mask],
        tracks.release[mask],
        tracks.position[mask],
        tracks.size[mask],
        tracks.kind[mask],
        tracks.album[mask],
    )


class _Teller:
    """One source on its way through some tracks."""

    def __init__(self, world: World, habits: Habits, tracks: Tracks) -> None:
        self.world = world
        self.habits = habits
        self.tracks = tracks
        self.songs: Songs = find_songs(world, tracks.recording)

    def draws(self, what: str) -> Draws:
        """For each row, of this source alone."""
        return draw(self.world.seed, f"{self.habits.source} {what}", self.tracks.number)

    def told(self) -> Told:
        """The rows."""
        world, habits, tracks = self.world, self.habits, self.tracks
        codes, faults = faulty_codes(world, habits, tracks, self.songs, self.draws("code"))
        mbids, faults = faulty_mbids(world, habits, tracks, self.draws("mbid"), faults)
        title, credit = self._dressed(*self._plain())
        title, credit, faults = damage_texts(title, credit, self.draws("damage"), habits, faults)
        disc, position = disc_places(self.tracks)
        columns = [
            self._keys(),
            title,
            credit,
            *self._releases(),
            pa.array(disc.astype(np.int16)),
            pa.array(position.astype(np.int32)),
            self._durations(),
            codes,
            mbids,
        ]
        rows = pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
        return Told(rows, self.tracks.recording, name_faults(faults))

    def _keys(self) -> pa.Array:
        if self.habits.key == "mbid":
            return self.world.mbids(self.tracks.number, "track")
        release = pa.array(self.tracks.release).cast(pa.string())
        position = pa.array(self.tracks.position).cast(pa.string())
        if self.habits.key == "release":
            return pc.binary_join_element_wise(release, position, "-")
        return pc.binary_join_element_wise("item", release, "/", position, ".mp3", "")

    def _plain(self) -> tuple[pa.Array, pa.Array]:
        """Title and credit, with version and guests where the source puts them."""
        recordings, songs = self.tracks.recording, self.songs
        title = song_titles(self.world, songs)
        credit = self.world.artist_names(self.world.artist(self.world.album(recordings)))
        guest = happens(draw(self.world.seed, "guest", recordings), FEATURING_SHARE)
        where = np.where(guest, pick(self.draws("guest"), self.habits.guests), UNSAID)
        for place, opening, closing in (
            (IN_TITLE, " (feat. ", ")"),
            (IN_CREDIT, " feat. ", ""),
            (SHORT, " ft. ", ""),
            (SHORT + 1, " & ", ""),
        ):
            at = np.flatnonzero(where == place)
            if not len(at):
                continue
            texts = title if place == IN_TITLE else credit
            names = self.world.artist_names(self.world.guest(recordings[at]))
            said = pc.binary_join_element_wise(
                texts.take(pa.array(at)), opening, names, closing, ""
            )
            if place == IN_TITLE:
                title = put(title, at, said)
            else:
                credit = put(credit, at, said)
        return self._with_version(title), credit

    def _with_version(self, title: pa.Array) -> pa.Array:
        at = np.flatnonzero(self.songs.version >= 0)
        forms = pick(self.draws("version")[at], self.habits.versions)
        words = pa.array(VERSIONS).take(pa.array(self.songs.version[at]))
        opening = pa.array([a for a, _ in VERSION_FORMS]).take(pa.array(forms))
        closing = pa.array([b for _, b in VERSION_FORMS]).take(pa.array(forms))
        said = pc.binary_join_element_wise(title.take(pa.array(at)), opening, words, closing, "")
        said = pc.replace_substring(said, "Version Version", "Version")
        return put(title, at, said)

    def _dressed(self, title: pa.Array, credit: pa.Array) -> tuple[pa.Array, pa.Array]:
        """As this source writes, slips included."""
        turned = happens(self.draws("article"), self.habits.articles_inverted)
        credit = _changed(credit, turned, invert_article)
        slip, letters = self.draws("slip"), self.draws("letter")
        slipped = happens(slip, self.habits.mistyped)
        in_credit = happens(again(slip), 0.25)
        title = _mistyped(title, slipped & ~in_credit, letters)
        credit = _mistyped(credit, slipped & in_credit, letters)
        return self._cased(title), self._cased(credit)

    def _cased(self, texts: pa.Array) -> pa.Array:
        """Without accents, loud or low where this source is so."""
        habits, look = self.habits, self.draws("look")
        texts = _changed(texts, happens(again(look), habits.accents_dropped), drop_accents)
        case = pick(look, [1 - habits.upper - habits.lower, habits.upper, habits.lower])
        texts = _changed(texts, case == 1, pc.utf8_upper)
        return _changed(texts, case == 2, pc.utf8_lower)

    def _releases(self) -> list[pa.Array]:
        columns = release_columns(self.world, self.tracks)
        if not self.habits.no_release:
            return columns
        drawn = draw(self.world.seed, f"{self.habits.source} alone", self.tracks.release)
        alone = pa.array(happens(drawn, self.habits.no_release))
        return [pc.if_else(alone, pa.scalar(None, c.type), c) for c in columns]

    def _durations(self) -> pa.Array:
        habits, drawn = self.habits, self.draws("duration")
        exact = song_durations(self.world, self.tracks.recording, self.songs)
        near = exact + below(again(drawn), 2 * habits.jitter_ms + 1) - habits.jitter_ms
        if habits.whole_seconds:
            near = near // 1000 * 1000
        missing = happens(drawn, habits.no_duration)
        return pa.array(near.astype(np.int32), mask=missing)


def _changed(texts: pa.Array, mask: Mask, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    at = np.flatnonzero(mask)
    return put(texts, at, change(texts.take(pa.array(at)))) if len(at) else texts


def _mistyped(texts: pa.Array, mask: Mask, draws: Draws) -> pa.Array:
    return _changed(texts, mask, lambda chosen: mistype(chosen, draws[mask]))

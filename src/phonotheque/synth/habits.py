"""What the sources of the profile `open` are like: how each writes, and what it leaves out."""

from dataclasses import dataclass

IN_CREDIT, SHORT, AMPERSAND, IN_TITLE, UNSAID = range(5)
"""Where a guest stands: "A feat. B", "A ft. B", "A & B", "Title (feat. B)", nowhere."""

VERSION_FORMS = [(" (", ")"), (" - ", ""), (" [", "]"), (" (", " Version)")]


@dataclass(frozen=True, slots=True)
class Habits:
    """Shares are of rows, from 0 to 1, unless they say otherwise; lists are weights."""

    source: str
    key: str  # mbid | release | item: what its ids look like
    covers: float  # of releases
    guests: list[float]  # over the placements above
    versions: list[float]  # over `VERSION_FORMS`
    mbids: float = 0.0
    codes: float = 0.0  # of recordings
    accents_dropped: float = 0.0
    upper: float = 0.0
    lower: float = 0.0
    articles_inverted: float = 0.0  # of artists with an article
    mistyped: float = 0.0
    no_duration: float = 0.0
    jitter_ms: int = 0
    whole_seconds: bool = False
    no_release: float = 0.0  # of releases: its rows stand alone
    wrong_mbids: float = 0.0  # of rows with an MBID
    damaged: float = 0.0  # of rows, by each of the three kinds of damage to letters
    emptied: float = 0.0  # of rows, each: a NUL inside, no title at all
    bad_codes: float = 0.0  # of rows with a code, each: malformed, several in the field
    placeholders: float = 0.0  # of rows without a code
    album_codes: float = 0.0  # of releases: one code on all tracks
    copied_codes: float = 0.0  # of versions: the code of what they are a version of


SOURCES = (
    Habits(
        source="atlas",
        key="mbid",
        covers=0.60,
        guests=[94, 0, 4, 2, 0],
        versions=[90, 4, 2, 4],
        mbids=1.0,
        codes=0.12,
        no_duration=0.05,
        jitter_ms=500,
        mistyped=0.002,
        bad_codes=0.005,
        copied_codes=0.02,
    ),
    Habits(
        source="bazaar",
        key="release",
        covers=0.55,
        guests=[40, 10, 10, 35, 5],
        versions=[60, 10, 10, 20],
        codes=0.02,
        accents_dropped=0.05,
        articles_inverted=0.6,
        mistyped=0.01,
        no_duration=0.45,
        jitter_ms=1500,
        whole_seconds=True,
        bad_codes=0.03,
        album_codes=0.01,
        copied_codes=0.1,
    ),
    Habits(
        source="commons",
        key="item",
        covers=0.45,
        guests=[25, 25, 10, 15, 25],
        versions=[40, 25, 15, 20],
        mbids=0.15,
        codes=0.05,
        accents_dropped=0.35,
        upper=0.06,
        lower=0.08,
        articles_inverted=0.05,
        mistyped=0.04,
        no_duration=0.10,
        jitter_ms=2000,
        no_release=0.4,
        wrong_mbids=0.03,
        damaged=0.01,
        emptied=0.002,
        bad_codes=0.05,
        placeholders=0.004,
        album_codes=0.02,
        copied_codes=0.2,
    ),
)

"""The statistics of an edition as sections to read: words, a picture, tables, and the SQL."""

from dataclasses import dataclass

from phonotheque.model.numbers import IdKey, Kind, format_public_id
from phonotheque.serve.rendering import (
    format_count,
    format_share,
    format_size,
    format_verdict,
    read_assets,
    render,
)
from phonotheque.statistics import DrawnStatistics, Statistics, TopRecording

HIGHEST_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell says; `path` leads to the page of what it names; `words` are not figures."""

    text: str
    path: str | None = None
    words: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a caption; the first cell of each row names it."""

    caption: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]


@dataclass(frozen=True, slots=True)
class Section:
    """One figure. `picture` and `queries` are names in the statistics."""

    id: str
    heading: str
    text: str
    pictures: tuple[str, ...]
    tables: list[Table]
    queries: tuple[str, ...]


def statistics_values(drawn: DrawnStatistics, key: IdKey) -> dict[str, object]:
    """What the templates of statistics are filled with."""
    return {
        "statistics": drawn.statistics,
        "pictures": drawn.pictures,
        "not_drawn": drawn.not_drawn,
        "sections": make_sections(drawn.statistics, key),
    }


def format_statistics_page(drawn: DrawnStatistics, key: IdKey, archive: str) -> str:
    """The statistics as one HTML file that needs nothing beside it."""
    style = read_assets()["page.css"].decode()
    values = statistics_values(drawn, key) | {"archive": archive, "style": style, "linked": False}
    return render("statistics_file.html", values)


def make_sections(statistics: Statistics, key: IdKey) -> list[Section]:
    """All sections that have something to say, in the order of the page."""
    made = [
        _tiers(statistics),
        _ranks(statistics),
        _listens(statistics),
        _durations(statistics),
        _years(statistics),
        _isrcs(statistics),
        _licences(statistics),
        _rules(statistics),
        _formats(statistics),
        _growth(statistics),
        *_tops(statistics, key),
    ]
    return [section for section in made if any(table.rows for table in section.tables)]


def _tiers(statistics: Statistics) -> Section:
    whole = statistics.totals.listens
    rows = [
        _row(
            t.tier, t.recordings, t.least_listens, t.listens,
            format_share(t.listens, whole), format_share(t.listens_held, whole),
            t.files, format_size(t.bytes),
        )
        for t in statistics.tiers
    ]  # fmt: skip
    columns = ("Tier", "Recordings", "Least listens", "Listens", "Share", "Share held", "Files",
               "Audio")  # fmt: skip
    return Section(
        "tiers",
        "Listens and coverage by tier",
        "Tiers cut the recordings, in the order of rank, where their listens reach a share of all. "
        "“Share held” is of the recordings whose audio is in the archive.",
        ("tiers",),
        [Table("Tiers", columns, rows)],
        ("by_tier",),
    )


def _ranks(statistics: Statistics) -> Section:
    whole = statistics.totals.listens
    rows = [
        _row(
            r.from_rank, r.recordings, r.recordings_held,
            format_share(r.recordings_held, r.recordings), r.listens,
            format_share(round(r.share_to_here * whole), whole),
            format_share(round(r.share_held_to_here * whole), whole),
            format_size(r.bytes), format_size(r.bytes_to_here),
        )
        for r in statistics.ranks
    ]  # fmt: skip
    columns = ("From rank", "Recordings", "Held", "Coverage", "Listens", "Share to here",
               "Share held to here", "Audio", "Audio to here")  # fmt: skip
    return Section(
        "ranks",
        "Listens, coverage and disk by rank",
        "Few recordings have nearly all listens. So whoever keeps the most listened ones keeps "
        "most of what is heard, on a small disk; each further share costs more.",
        ("coverage", "skew", "disk"),
        [Table("Ranks, by their first digit", columns, rows)],
        ("by_rank",),
    )


def _listens(statistics: Statistics) -> Section:
    rows = [_row(b.from_listens, b.recordings) for b in statistics.listens]
    return Section(
        "listens",
        "Recordings by listens",
        "How many recordings have how many listens. A line reaches to the next one.",
        ("pyramid",),
        [Table("Listens of a recording", ("From", "Recordings"), rows)],
        ("by_listens",),
    )


def _durations(statistics: Statistics) -> Section:
    seconds = sorted(statistics.seconds, key=lambda s: (-s.recordings, s.second))
    highest = [_row(_time(s.second), s.recordings) for s in seconds[:HIGHEST_SECONDS]]
    rows = [
        _row(_time(b.from_seconds) + (" and longer" if b.from_seconds == 1200 else ""),
             b.recordings)
        for b in statistics.durations
    ]  # fmt: skip
    at_minutes = sum(s.recordings for s in statistics.seconds if s.second and s.second % 60 == 0)
    below = sum(s.recordings for s in statistics.seconds)
    return Section(
        "durations",
        "Durations",
        f"Of the recordings below fifteen minutes {format_share(at_minutes, below)} last a whole "
        "minute to the second; by chance it would be 1.7 %. Some sources know whole minutes only, "
        "and much is cut to them."
        if below
        else "",
        ("durations",),
        [
            Table("In steps of half a minute", ("From", "Recordings"), rows),
            Table("The most frequent durations", ("Duration", "Recordings"), highest),
        ],
        ("durations", "by_second"),
    )


def _years(statistics: Statistics) -> Section:
    years = [_row("unknown" if y.year is None else str(y.year), y.recordings)
             for y in statistics.years]  # fmt: skip
    decades = [
        _row("unknown" if d.decade is None else f"{d.decade}–{d.decade + 9}", d.recordings)
        for d in statistics.decades
    ]
    return Section(
        "years",
        "Recordings by year",
        "The year in which a recording was first released, as far as a source knows it.",
        ("years",),
        [
            Table("By decade", ("Decade", "Recordings"), decades),
            Table("By year", ("Year", "Recordings"), years),
        ],
        ("by_decade", "by_year"),
    )


def _isrcs(statistics: Statistics) -> Section:
    codes = [_row(t.from_tracks, t.isrcs) for t in statistics.tracks_per_isrc]
    recordings = [_row(t.from_tracks, t.recordings) for t in statistics.tracks_per_recording]
    return Section(
        "isrcs",
        "Tracks per ISRC",
        "A recording keeps its code on every release it appears on. Codes on very many tracks are "
        "greatest hits, or codes that somebody put on everything.",
        ("isrcs",),
        [
            Table("Codes by their tracks", ("Tracks from", "Codes"), codes),
            Table("Recordings by their tracks", ("Tracks from", "Recordings"), recordings),
        ],
        ("tracks_per_isrc", "tracks_per_recording"),
    )


def _licences(statistics: Statistics) -> Section:
    files = [
        _row(_word(each.licence), each.recordings, each.files, format_size(each.bytes))
        for each in statistics.licences
    ]
    verdicts = [
        _row(
            _word(v.licence), Cell(format_verdict(v.stream), words=True),
            Cell(format_verdict(v.distribute), words=True), v.recordings,
        )
        for v in statistics.verdicts
    ]  # fmt: skip
    named = [t for t in statistics.territories if t != "ZZ"]
    where = ", ".join([*named, "any other country" if named else "any country"])
    return Section(
        "licences",
        "Licences",
        "A file goes out only if it may in every territory that this edition asks for, so what is "
        f"counted here holds in each of them: {where}.",
        ("licences",),
        [
            Table("By licence", ("Licence", "Recordings", "Files", "Audio"), files),
            Table(
                "What may be done, in each of these territories",
                ("Licence", "To stream", "To copy", "Recordings"),
                verdicts,
            ),
        ],
        ("by_licence", "by_verdict"),
    )


def _rules(statistics: Statistics) -> Section:
    rows = [_row(r.territory or "anywhere", Cell(r.rule, words=True), r.files)
            for r in statistics.rules]  # fmt: skip
    return Section(
        "territories",
        "What the files rest on, by territory",
        "A verdict names the rules it rests on: a licence holds anywhere, a term of protection "
        "ends country by country.",
        (),
        [Table("Rules", ("Territory", "Rule", "Files"), rows)],
        ("by_rule",),
    )


def _formats(statistics: Statistics) -> Section:
    formats = [
        _row(
            f.codec, Cell(f.media_type, words=True), f.files, format_size(f.bytes),
            f"{f.audio_ms / 3_600_000:,.1f} h",
            f"{f.bytes * 8 / f.audio_ms:,.0f} kbit/s" if f.audio_ms else "",
        )
        for f in statistics.formats
    ]  # fmt: skip
    rates = [_row(f"{b.codec}, {b.from_kbits} kbit/s", b.files) for b in statistics.bitrates]
    return Section(
        "formats",
        "Formats and bit rates",
        "Audio as it is given out. The bit rate is that of the whole file, pictures included.",
        ("formats", "bitrates"),
        [
            Table("Formats", ("Codec", "In", "Files", "Audio", "Duration", "Mean rate"), formats),
            Table("Bit rates, in steps of 16 kbit/s", ("From", "Files"), rates),
        ],
        ("formats", "bitrates"),
    )


def _growth(statistics: Statistics) -> Section:
    rows = [
        _row(
            e.edition, f"{e.published_at:%Y-%m-%d}", e.recordings, e.tracks, e.files,
            format_size(e.audio_bytes), e.listens, e.withdrawn,
        )
        for e in statistics.growth
    ]  # fmt: skip
    columns = ("Edition", "Published", "Recordings", "Tracks", "Files", "Audio", "Listens",
               "Withdrawn")  # fmt: skip
    return Section(
        "growth",
        "Growth by edition",
        "The editions that stand here, up to this one, by their own counts.",
        ("growth",),
        [Table("Editions", columns, rows)],
        ("growth",),
    )


def _tops(statistics: Statistics, key: IdKey) -> list[Section]:
    def path(folder: str, kind: Kind, number: int) -> str:
        return f"/{folder}/{format_public_id(number, key, kind)}"

    def recording(top: TopRecording) -> tuple[Cell, ...]:
        title = Cell(top.title, path("recording", Kind.RECORDING, top.number), words=True)
        return _row(top.rank, title, Cell(top.artist_credit, words=True), top.listens,
                    "yes" if top.held else "no")  # fmt: skip

    artists = [
        _row(place, Cell(a.name, path("artist", Kind.ARTIST, a.number), words=True), a.recordings,
             a.listens)
        for place, a in enumerate(statistics.top_artists, 1)
    ]  # fmt: skip
    releases = [
        _row(place, Cell(r.title, path("release", Kind.RELEASE, r.number), words=True),
             Cell(r.artist_credit, words=True), str(r.year or ""), r.listens)
        for place, r in enumerate(statistics.top_releases, 1)
    ]  # fmt: skip
    genres = [_row(place, Cell(g.genre, words=True), g.releases)
              for place, g in enumerate(statistics.top_genres, 1)]  # fmt: skip
    among = "Counted are the recordings of the first million ranks."
    return [
        _top("recordings", "Most listened recordings", "", ("Title", "Artist", "Listens", "Held"),
             [recording(top) for top in statistics.top_recordings]),
        _top("artists", "Most listened artists", among, ("Artist", "Recordings", "Listens"),
             artists),
        _top("releases", "Most listened releases", among,
             ("Title", "Artist", "Year", "Listens"), releases),
        _top("genres", "Most frequent genres", "As sources name them, of releases.",
             ("Genre", "Releases"), genres),
    ]  # fmt: skip


def _top(
    name: str, heading: str, text: str, columns: tuple[str, ...], rows: list[tuple[Cell, ...]]
) -> Section:
    table = Table(heading, ("Place", *columns), rows)
    return Section(f"top-{name}", heading, text, (), [table], (f"top_{name}",))


def _row(*values: Cell | str | int) -> tuple[Cell, ...]:
    return tuple(
        v if isinstance(v, Cell) else Cell(format_count(v) if isinstance(v, int) else v)
        for v in values
    )


def _word(licence: str | None) -> Cell:
    return Cell(licence or "none agreed on", words=True)


def _time(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}:{rest:02}"

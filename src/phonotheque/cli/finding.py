"""Commands that ask: search, lookup, stats, explain."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.console import Reporter, Screen, format_bytes, format_duration
from phonotheque.cli.options import ArchivePath, Json, TreePath
from phonotheque.model.errors import ExitCode

if TYPE_CHECKING:
    from phonotheque.catalogue import ExplainedRow
    from phonotheque.search import DisplayRow, LookupResult, SearchIndex, SearchPage
    from phonotheque.statistics import Statistics

_SHOWN_TOP = 10

Edition = Annotated[
    str | None, typer.Option("--edition", metavar="NAME", help="An edition other than the newest.")
]


def add_commands(app: typer.Typer) -> None:
    """Hang this module's commands into `app`."""
    app.command()(search)
    app.command()(lookup)
    app.command()(stats)
    app.command()(explain)


def open_index(root: Path, edition: str | None, screen: Screen) -> "SearchIndex":
    """The search index of the newest (or the named) edition below `root`; made when missing.

    Raises:
        NotFoundError: there is no edition.
    """
    from phonotheque.mirror import newest_edition
    from phonotheque.search import SearchIndex, ensure_index
    from phonotheque.storage.layout import Tree

    tree = Tree(root)
    name = edition or newest_edition(tree)
    with Reporter(screen) as progress:
        ensure_index(tree.edition(name), tree.edition_index(name), progress)
    return SearchIndex.open(tree.edition_index(name))


def search(
    path: TreePath,
    query: Annotated[list[str], typer.Argument(metavar="WORDS...", help="What to look for.")],
    limit: Annotated[int, typer.Option(min=1, max=200, help="Hits to a page.")] = 20,
    cursor: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Where the page before this one ended.")
    ] = None,
    edition: Edition = None,
    json: Json = False,
) -> None:
    """Find recordings by words of title, artist or release; the last word may be unfinished.

    artist:, title:, release:, isrc:, year:, tier: and licence: narrow it down.
    """
    screen = Screen(json_mode=json)
    index = open_index(path, edition, screen)
    page = index.search(" ".join(query), limit=limit, cursor=cursor)
    if json:
        screen.print_json(page)
        return
    _show_page(screen, page)


def _show_page(screen: Screen, page: "SearchPage") -> None:
    if page.relaxed:
        meant = f"; did you mean “{page.did_you_mean}”?" if page.did_you_mean else "."
        screen.say(f"Nothing matches every word{meant} These come near:")
    screen.table(
        ("id", "title", "artist", "release", "time", "listens", "audio"),
        (
            (row.public_id, row.title, row.artist, row.release_title,
             format_duration(row.duration_ms), row.listens, "yes" if row.file else "–")
            for row in (hit.row for hit in page.hits)
        ),
    )  # fmt: skip
    at_least = "" if page.total_is_exact else "at least "
    screen.say(f"{at_least}{page.total:,} found" + (" so far" if page.partial else ""))
    if page.next_cursor:
        screen.say(f"more: --cursor {page.next_cursor}")


def lookup(
    path: TreePath,
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID...",
            help="ISRC, MBID, public id, number, or source:SOURCE:KEY. “-” reads lines of stdin.",
        ),
    ],
    edition: Edition = None,
    json: Json = False,
) -> None:
    """Look recordings up by an identifier."""
    screen = Screen(json_mode=json)
    index = open_index(path, edition, screen)
    texts = [line for given in ids for line in _lines(given)]
    results = index.lookup_many(texts)
    rows = {row.number: row for row in index.rows(_recordings(index, results))}
    unknown = [result.query for result in results if not result.numbers]
    answers = [
        {
            "query": result.query,
            "recognised": result.recognised,
            "recordings": [rows[n] for n in _recordings(index, [result]) if n in rows],
        }
        for result in results
    ]
    if json:
        screen.print_json(answers)
    else:
        for row in rows.values():
            _show_row(screen, row)
        for text in unknown:
            screen.note(f"{text}: not known here")
    if len(unknown) == len(texts):
        raise typer.Exit(ExitCode.NOT_FOUND)


def _lines(given: str) -> Iterator[str]:
    if given != "-":
        yield given
        return
    for line in typer.get_text_stream("stdin"):
        if line.strip():
            yield line.strip()


def _recordings(index: "SearchIndex", results: "Sequence[LookupResult]") -> list[int]:
    from phonotheque.model.numbers import Kind

    found: dict[int, None] = {}
    for result in results:
        for number in result.numbers:
            if result.kind is Kind.RELEASE:
                found.update(dict.fromkeys(index.release_recordings(number)))
            elif result.kind is Kind.ARTIST:
                found.update(dict.fromkeys(index.artist_recordings(number)))
            else:
                found[number] = None
    return list(found)


def _show_row(screen: Screen, row: "DisplayRow") -> None:
    screen.say(f"{row.public_id}  {row.artist} – {row.title}  {format_duration(row.duration_ms)}")
    if row.isrcs:
        screen.say(f"    ISRC      {', '.join(row.isrcs)}")
    for track in row.tracks:
        place = ".".join(str(p) for p in (track.disc, track.position) if p is not None)
        screen.say(f"    on        {track.release_title or '(no release)'} {place}".rstrip())
    screen.say(f"    standing  {row.listens:,} listens, rank {row.rank:,}, tier {row.tier}")
    screen.say(f"    rights    stream {row.stream}, distribute {row.distribute}")
    if row.file:
        size = format_bytes(row.file.bytes)
        screen.say(f"    audio     {row.file.volume}/{row.file.path} ({row.file.codec}, {size})")
        screen.say(f"    licence   {row.file.attribution}")


def stats(path: TreePath, edition: Edition = None, json: Json = False) -> None:
    """Counts of an edition: by tier, licence, decade, duration; the most listened."""
    from phonotheque.mirror import newest_edition
    from phonotheque.statistics import read_statistics
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    tree = Tree(path)
    figures = read_statistics(tree.edition(edition or newest_edition(tree)))
    if json:
        screen.print_json(figures)
        return
    _show_statistics(screen, figures)


def _show_statistics(screen: Screen, figures: "Statistics") -> None:
    totals = figures.totals
    screen.say(
        f"Edition {figures.edition}: {totals.recordings:,} recordings, {totals.tracks:,} tracks, "
        f"{totals.releases:,} releases, {totals.artists:,} artists; {totals.files:,} files of "
        f"audio, {format_bytes(totals.audio_bytes)}, {totals.audio_ms / 3_600_000:,.1f} hours, in "
        f"{totals.volumes:,} volumes; {totals.withdrawn:,} withdrawn; {totals.listens:,} listens."
    )
    screen.say("")
    screen.table(
        ("tier", "recordings", "files", "size", "listens", "share", "share held"),
        (
            (t.tier, t.recordings, t.files, format_bytes(t.bytes), t.listens, f"{t.share:.1%}",
             f"{t.share_held:.1%}")
            for t in figures.tiers
        ),
    )  # fmt: skip
    screen.say("")
    screen.table(
        ("licence", "recordings", "files", "size"),
        ((f.licence, f.recordings, f.files, format_bytes(f.bytes)) for f in figures.licences),
    )
    screen.say("")
    screen.table(
        ("rank", "artist", "title", "listens", "audio"),
        (
            (r.rank, r.artist_credit, r.title, r.listens, r.held)
            for r in figures.top_recordings[:_SHOWN_TOP]
        ),
    )


def explain(
    archive: ArchivePath,
    recording: Annotated[
        str, typer.Argument(metavar="RECORDING", help="Its id, or its number in the current build.")
    ],
    json: Json = False,
) -> None:
    """Why rows are one recording: which met, by what, and what was kept apart and why."""
    from phonotheque import archive as rooms
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    found = rooms.explain(Tree(archive.absolute()), recording)
    if json:
        screen.print_json(found)
        return
    time = format_duration(found.duration_ms)
    screen.say(f"{found.title} – {found.artist_credit} ({time}), recording {found.number:,}")
    screen.table(("row", "as", "time", "why it is of this recording"), map(_explained, found.rows))
    if found.apart_in_all:
        screen.say(f"Kept apart ({found.apart_in_all:,} share a code, an id, or artist and title):")
        screen.table(("row", "as", "time", "why it is not"), map(_explained, found.apart))


def _explained(row: "ExplainedRow") -> tuple[str, str, str, str]:
    said = f"{row.title} – {row.artist_credit}"
    return f"{row.source}:{row.source_key}", said, format_duration(row.duration_ms), row.why

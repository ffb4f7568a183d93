"""Commands that ask: search, stats, explain."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.console import Marked, Reporter, Screen, format_bytes, format_duration
from phonotheque.cli.options import ArchivePath, Json, TreePath

if TYPE_CHECKING:
    from phonotheque.catalogue import ExplainedRow
    from phonotheque.search import Facets, Hit, SearchIndex, SearchPage
    from phonotheque.statistics import DrawnStatistics, Statistics

_SHOWN_TOP = 10

Edition = Annotated[
    str | None, typer.Option("--edition", metavar="NAME", help="An edition other than the newest.")
]


def add_commands(app: typer.Typer) -> None:
    """Hang this module's commands into `app`."""
    app.command()(search)
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
    facets: Annotated[
        bool, typer.Option("--facets", help="Count all hits by licence, decade and tier.")
    ] = False,
    edition: Edition = None,
    json: Json = False,
) -> None:
    """Find recordings by words of title, artist or release; the last word may be unfinished.

    artist:, title:, release:, label:, isrc:, year:, tier: and licence: narrow it down.
    """
    screen = Screen(json_mode=json)
    index = open_index(path, edition, screen)
    text = " ".join(query)
    page = index.search(text, limit=limit, cursor=cursor, facets=facets, highlights=True)
    if json:
        screen.print_json(page)
        return
    _show_page(screen, page)


def _show_page(screen: Screen, page: "SearchPage") -> None:
    if page.relaxed:
        near = "most of them" if page.matched == "fewer-words" else "a close spelling"
        screen.say(f"Nothing has every word as typed. These have {near}:")
    if page.hits:
        columns = ("id", "title", "artist", "release", "time", "listens", "audio")
        screen.table(columns, map(_hit_cells, page.hits))
    screen.say(f"{'' if page.total_is_exact else 'at least '}{page.total:,} found")
    if page.partial:
        screen.say("This is partial: the time was over, or the query is too long.")
    if page.did_you_mean:
        screen.say(f"Did you mean “{page.did_you_mean}”?")
    if page.facets and page.hits:
        _show_facets(screen, page.facets)
    if page.next_cursor:
        screen.say(f"more: --cursor {page.next_cursor}")


def _hit_cells(hit: "Hit") -> tuple[object, ...]:
    row, found = hit.row, hit.highlights
    title, artist, release = (
        (found.title, found.artist, found.release_title) if found else ((), (), ())
    )
    return (
        row.public_id,
        Marked(row.title, title),
        Marked(row.artist, artist),
        row.release_title and Marked(row.release_title, release),
        format_duration(row.duration_ms),
        row.listens,
        "yes" if row.file else "–",
    )


def _show_facets(screen: Screen, facets: "Facets") -> None:
    screen.say("")
    screen.table(
        ("", "value", "hits" if facets.exact else "hits, at least", "filter"),
        (
            (name, value.value, value.count, value.filter)
            for name, values in (
                ("licence", facets.licences), ("decade", facets.decades), ("tier", facets.tiers)
            )
            for value in values
        ),
    )  # fmt: skip


def stats(
    path: TreePath,
    edition: Edition = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all as one page with pictures, and the SQL."),
    ] = None,
    json: Json = False,
) -> None:
    """Counts of an edition: by tier, rank, licence, year, duration, format; the most listened.

    They are counted once for each edition and kept beside its index.
    """
    from phonotheque.mirror import newest_edition
    from phonotheque.statistics import ensure_statistics
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    tree = Tree(path)
    name = edition or newest_edition(tree)
    with Reporter(screen) as progress:
        drawn = ensure_statistics(tree.edition(name), tree.edition_statistics(name), progress)
    if drawn.not_drawn:
        screen.note(drawn.not_drawn)
    if html is not None:
        _write_page(drawn, tree.edition(name), html)
        screen.note(f"{html}: written")
    if json:
        screen.print_json(drawn.statistics)
    elif html is None:
        _show_statistics(screen, drawn.statistics)


def _write_page(drawn: "DrawnStatistics", edition_dir: Path, target: Path) -> None:
    from phonotheque.model.edition import EditionManifest
    from phonotheque.model.numbers import IdKey
    from phonotheque.serve import format_statistics_page
    from phonotheque.storage.documents import read_document
    from phonotheque.storage.durable import write_bytes

    manifest = read_document(edition_dir / "edition.json", EditionManifest)
    key = IdKey(bytes.fromhex(manifest.id_key))
    write_bytes(target, format_statistics_page(drawn, key, manifest.archive.name).encode())


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
        shared = "share a code, an id, artist and title, or a sound"
        screen.say(f"Kept apart ({found.apart_in_all:,} {shared}):")
        screen.table(("row", "as", "time", "why it is not"), map(_explained, found.apart))


def _explained(row: "ExplainedRow") -> tuple[str, str, str, str]:
    said = f"{row.title} – {row.artist_credit}"
    return f"{row.source}:{row.source_key}", said, format_duration(row.duration_ms), row.why

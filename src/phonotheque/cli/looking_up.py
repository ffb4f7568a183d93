"""The command that looks identifiers up: one, or a hundred thousand from a file."""

import csv
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import msgspec
import typer

from phonotheque.cli.console import Screen, format_bytes, format_duration
from phonotheque.cli.finding import Edition, open_index
from phonotheque.cli.options import Json, TreePath
from phonotheque.model.errors import ExitCode, InputError, UsageError

if TYPE_CHECKING:
    from phonotheque.search import DisplayRow, Found

_FORMATS = ("text", "csv", "jsonl")
_COLUMNS = (
    "query", "recognised", "id", "title", "artist", "release", "year", "duration_ms", "isrcs",
    "mbid", "licence", "listens", "rank", "tier", "stream", "distribute", "file", "sha256",
)  # fmt: skip


def add_commands(app: typer.Typer) -> None:
    """Hang this module's command into `app`."""
    app.command()(lookup)


def lookup(
    path: TreePath,
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID...",
            help="ISRC, UPC or EAN, MBID, public id, number, or source:SOURCE:KEY. “-” reads "
            "lines of stdin.",
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="More ids, a line each; “-” is stdin."),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="text|csv|jsonl",
            help="csv: a line for each recording; jsonl: an object for each id, at once.",
        ),
    ] = "text",
    edition: Edition = None,
    json: Json = False,
) -> None:
    """Look recordings, releases and artists up by an identifier, or by very many.

    A release or an artist brings its recordings: the first 1,000.
    """
    from phonotheque.search import iter_found

    screen = Screen(json_mode=json)
    if form not in _FORMATS:
        raise UsageError(f"--format {form}: it is one of {', '.join(_FORMATS)}")
    if not ids and source is None:
        raise UsageError("nothing to look up: give ids, or a file of them by --from")
    index = open_index(path, edition, screen)
    texts = chain(
        (line for given in ids or () for line in _lines(given)),
        () if source is None else _lines_of(source),
    )
    tally = _Tally()
    found = tally.counted(iter_found(index, texts))
    if json:
        screen.print_json(list(found))
    elif form == "csv":
        _write_csv(sys.stdout, found)
    elif form == "jsonl":
        for answer in found:
            sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    else:
        for answer in found:
            _show(screen, answer)
    if not tally.known:
        raise typer.Exit(ExitCode.NOT_FOUND)


class _Tally:
    """Whether anything was known."""

    def __init__(self) -> None:
        self.known = 0

    def counted(self, found: "Iterable[Found]") -> "Iterator[Found]":
        for answer in found:
            self.known += bool(answer.recordings or answer.releases or answer.artists)
            yield answer


def _lines(given: str) -> Iterator[str]:
    if given != "-":
        yield given
        return
    yield from _texts(typer.get_text_stream("stdin"))


def _lines_of(source: Path) -> Iterator[str]:
    if str(source) == "-":
        yield from _lines("-")
        return
    try:
        with source.open(encoding="utf-8", errors="replace") as lines:
            yield from _texts(lines)
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error})") from error


def _texts(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if line.strip():
            yield line.strip()


def _write_csv(out: TextIO, found: "Iterable[Found]") -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for answer in found:
        for row in answer.recordings or (None,):
            writer.writerow([answer.query, answer.recognised, *_cells(row)])


def _cells(row: "DisplayRow | None") -> list[object]:
    if row is None:
        return [None] * (len(_COLUMNS) - 2)
    file = (f"{row.file.volume}/{row.file.path}", row.file.sha256) if row.file else (None, None)
    return [
        row.public_id, row.title, row.artist, row.release_title, row.year, row.duration_ms,
        " ".join(row.isrcs), row.mbid, row.licence, row.listens, row.rank, row.tier, row.stream,
        row.distribute, *file,
    ]  # fmt: skip


def _show(screen: Screen, answer: "Found") -> None:
    if not (answer.recordings or answer.releases or answer.artists):
        screen.note(f"{answer.query}: not known here")
        return
    for release in answer.releases:
        facts = [str(x) for x in (release.year, release.country, release.label) if x]
        screen.say(f"{release.public_id}  {release.artist} – {release.title}  {', '.join(facts)}")
        if release.barcode:
            screen.say(f"    barcode   {release.barcode}")
    for artist in answer.artists:
        also = f"  ({', '.join(artist.aliases)})" if artist.aliases else ""
        screen.say(f"{artist.public_id}  {artist.name}{also}")
    for row in answer.recordings:
        _show_row(screen, row)
    if (more := answer.recordings_in_all - len(answer.recordings)) > 0:
        screen.say(f"… and {more:,} more recordings")


def _show_row(screen: Screen, row: "DisplayRow") -> None:
    screen.say(f"{row.public_id}  {row.artist} – {row.title}  {format_duration(row.duration_ms)}")
    if row.isrcs:
        screen.say(f"    ISRC      {', '.join(row.isrcs)}")
    for track in row.tracks:
        place = track.position_text or ".".join(
            str(p) for p in (track.disc, track.position) if p is not None
        )
        screen.say(f"    on        {track.release_title or '(no release)'} {place}".rstrip())
    screen.say(f"    standing  {row.listens:,} listens, rank {row.rank:,}, tier {row.tier}")
    screen.say(f"    rights    stream {row.stream}, distribute {row.distribute}")
    if row.file:
        size = format_bytes(row.file.bytes)
        screen.say(f"    audio     {row.file.volume}/{row.file.path} ({row.file.codec}, {size})")
        screen.say(f"    licence   {row.file.attribution}")

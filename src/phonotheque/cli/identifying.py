"""The command that listens: what is this, and do we hold it already?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.console import Screen, format_duration
from phonotheque.cli.options import Json
from phonotheque.model.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from phonotheque.archive import Answer, Identification

_WORDS = {
    "bytes": "these very bytes",
    "same": "the same sound",
    "part": "a part of this",
    "whole": "has this as a part",
    "maybe": "much like this, and maybe another version",
    "isrc": "by the ISRC of its tags",
    "mbid": "by the MusicBrainz id of its tags",
    "text": "by artist and title of its tags",
}


def add_commands(app: typer.Typer) -> None:
    """Hang this module's command into `app`."""
    app.command()(identify)


def identify(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A sound file, or a clip of one.")
    ] = None,
    path: Annotated[
        Path, typer.Argument(metavar="ARCHIVE", help="Directory of the archive.")
    ] = Path(),
    fingerprint: Annotated[
        str | None,
        typer.Option(
            "--fingerprint",
            metavar="TEXT",
            help="Ask by a fingerprint instead, as fpcalc prints it; ARCHIVE is then all that is "
            "named.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Say what a sound file is, and whether the archive holds it, whatever it is encoded as.

    By its bytes, by ear (10 seconds from anywhere are enough), or by its tags.
    """
    from phonotheque.archive import identify_file, identify_fingerprint
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    if fingerprint is not None:
        found = identify_fingerprint(Tree(file or path), fingerprint)
    elif file is None:
        raise UsageError("nothing to identify: name a FILE, or give --fingerprint TEXT")
    else:
        found = identify_file(Tree(path), file)
    if json:
        screen.print_json(found)
    else:
        _show(screen, found)
    if not found.answers:
        raise typer.Exit(ExitCode.NOT_FOUND)


def _show(screen: Screen, found: "Identification") -> None:
    length = format_duration(round(found.duration_seconds * 1000))
    held = "held" if found.held else "not held"
    screen.say(f"{found.name}  {length}  {held}")
    for finding in found.findings:
        screen.say(f"    {finding['severity']}  {finding['code']}: {finding['message']}")
    if not found.fingerprint:
        screen.say("    no fingerprint could be made of it: asked by bytes and tags only")
    for answer in found.answers:
        _show_answer(screen, answer)
    if not found.answers:
        screen.say("    nothing here is like it")


def _show_answer(screen: Screen, answer: "Answer") -> None:
    recording = answer.recording
    if recording is not None:
        name = f"{recording.artist} – {recording.title}" if recording.artist else recording.title
        screen.say(f"{recording.id or '(in no build yet)'}  {name or '(no title)'}")
    else:
        screen.say("(no title)")
    how = _WORDS[answer.by]
    if answer.error_rate is not None:
        how += f": {answer.score:.0%} alike over {answer.overlap_seconds:.0f} s"
        if answer.offset_seconds:
            how += f", from {answer.offset_seconds:.1f} s on"
    screen.say(f"    {how}")
    if answer.sha256 is not None:
        gone = "" if answer.held else "  (not held any more)"
        screen.say(f"    file      {answer.sha256}{gone}")
    for other in answer.same_sound:
        screen.say(f"    also      {other}")

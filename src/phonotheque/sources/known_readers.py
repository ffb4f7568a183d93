"""The readers there are, in the order in which they are asked whether an input is theirs."""

from pathlib import Path

from phonotheque.model.errors import InputError, UsageError
from phonotheque.sources.discogs import DISCOGS_ARTISTS, DISCOGS_MASTERS, DISCOGS_RELEASES
from phonotheque.sources.internet_archive import INTERNET_ARCHIVE
from phonotheque.sources.jamendo import MTG_JAMENDO
from phonotheque.sources.library_of_congress import LOC_COLLECTION
from phonotheque.sources.listenbrainz import LISTENBRAINZ_LISTENS, LISTENBRAINZ_POPULARITY
from phonotheque.sources.listens import LISTENS_TABLE
from phonotheque.sources.musicbrainz import (
    MUSICBRAINZ_ARTIST,
    MUSICBRAINZ_RECORDING,
    MUSICBRAINZ_REDIRECTS,
    MUSICBRAINZ_RELEASE,
)
from phonotheque.sources.netlabels import NETLABEL_CSV
from phonotheque.sources.readers import Reader
from phonotheque.sources.rows import ROWS_TABLE
from phonotheque.sources.streams import BROKEN, read_head

READERS: tuple[Reader, ...] = (
    MUSICBRAINZ_RELEASE,
    MUSICBRAINZ_RECORDING,
    MUSICBRAINZ_ARTIST,
    MUSICBRAINZ_REDIRECTS,
    DISCOGS_RELEASES,
    DISCOGS_ARTISTS,
    DISCOGS_MASTERS,
    LISTENBRAINZ_LISTENS,
    LISTENBRAINZ_POPULARITY,
    INTERNET_ARCHIVE,
    LOC_COLLECTION,
    NETLABEL_CSV,
    MTG_JAMENDO,
    ROWS_TABLE,
    LISTENS_TABLE,
)


def reader_named(name: str) -> Reader:
    """The reader that ``--as`` calls `name`.

    Raises:
        UsageError: there is none.
    """
    for reader in READERS:
        if reader.name == name:
            return reader
    names = ", ".join(["auto", "folder", *(reader.name for reader in READERS)])
    raise UsageError(f"there is no reader {name!r}; there are {names}")


def find_reader(path: Path) -> Reader | None:
    """The reader that says the file or folder is its own, or None.

    Raises:
        InputError: the file cannot be opened.
    """
    try:
        head = b"" if path.is_dir() else read_head(path)
    except BROKEN as error:
        raise InputError(f"{path}: cannot be read ({error}); get a sound copy") from error
    return next((reader for reader in READERS if reader.recognises(path, head)), None)

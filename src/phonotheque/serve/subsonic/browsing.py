"""Calls that browse: artists, albums, songs, folders, and what the server is."""

from phonotheque.model.numbers import Kind
from phonotheque.search import DisplayRow
from phonotheque.serve.subsonic.calls import Call
from phonotheque.serve.subsonic.envelope import Document, Text, ok
from phonotheque.serve.subsonic.items import LOOSE, NO_RELEASE, as_directory
from phonotheque.serve.subsonic.login import own
from phonotheque.serve.subsonic.parameters import nothing

EXTENSIONS = ("apiKeyAuthentication", "formPost", "indexBasedQueue", "topSongsByArtistId",
              "transcodeOffset")  # fmt: skip
_ARTICLES = ""


def ping(_: Call) -> Document:
    """The server is there, and lets the caller in."""
    return ok()


def extensions(call: Call) -> Document:
    """What of OpenSubsonic is here; everybody may know."""
    left_out = () if call.players.transcodes else ("transcodeOffset",)
    named = [{"name": name, "versions": [1]} for name in EXTENSIONS if name not in left_out]
    return ok("openSubsonicExtensions", named)


def licence(_: Call) -> Document:
    """No licence is wanted for this server."""
    return ok("license", {"valid": True})


def music_folders(call: Call) -> Document:
    """One folder: the archive."""
    name = call.publication.manifest.archive.name
    return ok("musicFolders", {"musicFolder": [{"id": 1, "name": name}]})


def token_info(call: Call) -> Document:
    """Whose key was shown."""
    return ok("tokenInfo", {"username": own(call.account).name})


def user(call: Call) -> Document:
    """The caller; of others nobody learns anything."""
    account = call.account
    name = account.name if account else "guest"
    asked = call.get("username")
    if asked is not None and asked != name:
        raise nothing(asked)
    mine = account is not None
    return ok("user", {
        "username": name, "scrobblingEnabled": mine, "adminRole": False, "settingsRole": False,
        "downloadRole": True, "uploadRole": False, "playlistRole": mine, "coverArtRole": False,
        "commentRole": False, "podcastRole": False, "streamRole": True, "jukeboxRole": False,
        "shareRole": False, "videoConversionRole": False, "folder": [1],
    })  # fmt: skip


def scan_status(call: Call) -> Document:
    """Nothing is scanned here: an edition comes whole."""
    return ok("scanStatus", {"scanning": False, "count": len(call.shelf.songs)})


def artists(call: Call) -> Document:
    """The artists by letter; of a large archive, the 10,000 most listened."""
    return ok("artists", {"ignoredArticles": _ARTICLES, "index": _letters(call)})


def indexes(call: Call) -> Document:
    """The same, as folders."""
    changed = round(call.publication.manifest.published_at.timestamp() * 1000)
    since = call.number("ifModifiedSince", 0, most=2**62)
    letters = _letters(call) if since < changed else []
    return ok("indexes", {
        "lastModified": changed, "ignoredArticles": _ARTICLES, "index": letters,
    })  # fmt: skip


def _letters(call: Call) -> list[Document]:
    return [
        {"name": letter.letter, "artist": call.items.artists(letter.artists)}
        for letter in call.shelf.letters
    ]


def artist(call: Call) -> Document:
    """An artist with albums by year; at last what is on none."""
    number = call.items.parse(call.text("id"), Kind.ARTIST)[1]
    shown, albums = _artist_with_albums(call, number)
    return ok("artist", {**shown, "album": albums})


def _artist_with_albums(call: Call, number: int) -> tuple[Document, list[Document]]:
    items, shelf = call.items, call.shelf
    row, counts = items.artist_row(number), shelf.artist_counts(number)
    if row is None or counts == (0, 0):
        raise nothing(call.text("id"))
    albums = items.albums(shelf.albums_of(number))
    if counts[1]:
        albums.append(items.loose_album(row, items.loose_rows(number)))
    (shown,) = items.artists([number])
    return shown, albums


def album(call: Call) -> Document:
    """An album with its songs."""
    shown, songs = _album_with_songs(call, call.text("id"))
    return ok("album", {**shown, "song": songs})


def _album_with_songs(call: Call, name: str) -> tuple[Document, list[Document]]:
    items = call.items
    if name.startswith(LOOSE):
        number = items.parse(name.removeprefix(LOOSE), Kind.ARTIST)[1]
        row, rows = items.artist_row(number), items.loose_rows(number)
        if row is None or not rows:
            raise nothing(name)
        return items.loose_album(row, rows), items.songs(rows)
    number = items.parse(name, Kind.RELEASE)[1]
    found = items.albums([number])
    if not found:
        raise nothing(name)
    return found[0], items.songs(items.album_rows(number), number)


def directory(call: Call) -> Document:
    """A folder: an artist's albums, or an album's songs."""
    name = call.text("id")
    if name == "1":
        return ok("directory", {"id": "1", "name": music_name(call), "child": []})
    if (
        not name.startswith(LOOSE)
        and call.items.parse(name, Kind.ARTIST, Kind.RELEASE)[0] is Kind.ARTIST
    ):
        number = call.items.parse(name, Kind.ARTIST)[1]
        shown, albums = _artist_with_albums(call, number)
        children = [as_directory(one) for one in albums]
        return ok("directory", {"id": shown["id"], "name": shown["name"], "child": children})
    shown, songs = _album_with_songs(call, name)
    return ok("directory", {
        "id": shown["id"], "parent": shown["artistId"], "name": shown["name"], "child": songs,
    })  # fmt: skip


def music_name(call: Call) -> str:
    """The name of the archive."""
    return call.publication.manifest.archive.name


def song(call: Call) -> Document:
    """One song."""
    return ok("song", call.items.songs([song_row(call, call.text("id"))])[0])


def song_row(call: Call, name: str) -> DisplayRow:
    """The row of a song on the shelf.

    Raises:
        CallError: 70, there is none of this id.
    """
    rows = call.items.rows([call.items.parse(name, Kind.RECORDING)[1]])
    if not rows:
        raise nothing(name)
    return rows[0]


def genres(call: Call) -> Document:
    """The genres, as sources name them."""
    return ok("genres", {"genre": [
        {"value": genre.name, "songCount": genre.songs, "albumCount": genre.albums}
        for genre in call.shelf.genres
    ]})  # fmt: skip


def artist_info(call: Call, name: str) -> Document:
    """What else is known of an artist: an id. No biography, and nothing from elsewhere."""
    kind, number = call.items.parse(call.text("id"), Kind.ARTIST, Kind.RELEASE, Kind.RECORDING)
    row = call.items.artist_row(number) if kind is Kind.ARTIST else None
    return ok(name, {"musicBrainzId": Text(row.mbid)} if row is not None and row.mbid else {})


def album_info(call: Call) -> Document:
    """The same of an album; its notes say by which label it came out."""
    name = call.text("id")
    if name.startswith(LOOSE):
        return ok("albumInfo", {"notes": Text(NO_RELEASE)})
    kind, number = call.items.parse(name, Kind.RELEASE, Kind.RECORDING)
    row = call.items.release_row(number) if kind is Kind.RELEASE else None
    found: Document = {}
    if row is not None and row.label:
        found["notes"] = Text(row.label)
    if row is not None and row.mbid:
        found["musicBrainzId"] = Text(row.mbid)
    return ok("albumInfo", found)

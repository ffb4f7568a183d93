"""``/rest``: from a request to a call, from what it gives to an answer."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import anyio.to_thread
from litestar.handlers import ASGIRouteHandler, asgi
from litestar.types import HTTPScope, Receive, Scope, Send

from phonotheque.accounts import Account, Door
from phonotheque.model.errors import InputError, NotFoundError, UsageError
from phonotheque.serve.blobs import BlobAnswer, send_blob
from phonotheque.serve.guarding import VISIT, Visit
from phonotheque.serve.mining import OPEN
from phonotheque.serve.publication import Publication
from phonotheque.serve.ranges import etag_matches
from phonotheque.serve.subsonic import audio, browsing, keeping, listing, searching
from phonotheque.serve.subsonic.audio import Image
from phonotheque.serve.subsonic.calls import Call
from phonotheque.serve.subsonic.envelope import Document, failed, ok, render
from phonotheque.serve.subsonic.login import Players, who_calls
from phonotheque.serve.subsonic.parameters import (
    GENERIC,
    MAX_FORM_BYTES,
    NO_ACCESS,
    NOT_FOUND,
    CallError,
    Parameters,
)
from phonotheque.serve.subsonic.shelf import Shelves
from phonotheque.serve.subsonic.transcoding import Encoded, Transcoder

_LOG = logging.getLogger(__name__)
_FORM = "application/x-www-form-urlencoded"
Answer: TypeAlias = Document | BlobAnswer | Encoded | Image
Handler: TypeAlias = Callable[[Call], Answer]


def _empty(name: str, value: Document) -> Handler:
    return lambda _: ok(name, value)


HANDLERS: dict[str, Handler] = {
    "ping": browsing.ping,
    "getOpenSubsonicExtensions": browsing.extensions,
    "getLicense": browsing.licence,
    "getMusicFolders": browsing.music_folders,
    "tokenInfo": browsing.token_info,
    "getUser": browsing.user,
    "getScanStatus": browsing.scan_status,
    "getArtists": browsing.artists,
    "getIndexes": browsing.indexes,
    "getArtist": browsing.artist,
    "getAlbum": browsing.album,
    "getMusicDirectory": browsing.directory,
    "getSong": browsing.song,
    "getGenres": browsing.genres,
    "getArtistInfo": lambda call: browsing.artist_info(call, "artistInfo"),
    "getArtistInfo2": lambda call: browsing.artist_info(call, "artistInfo2"),
    "getAlbumInfo": browsing.album_info,
    "getAlbumInfo2": browsing.album_info,
    "getAlbumList": listing.album_list,
    "getAlbumList2": listing.album_list_2,
    "getRandomSongs": listing.random_songs,
    "getSongsByGenre": listing.songs_by_genre,
    "getTopSongs": listing.top_songs,
    "getSimilarSongs": listing.similar_songs("similarSongs"),
    "getSimilarSongs2": listing.similar_songs("similarSongs2"),
    "getStarred": listing.starred("starred"),
    "getStarred2": listing.starred("starred2"),
    "search2": searching.search("searchResult2"),
    "search3": searching.search("searchResult3"),
    "star": keeping.star,
    "unstar": keeping.unstar,
    "setRating": keeping.set_rating,
    "scrobble": keeping.scrobble,
    "getNowPlaying": keeping.now_playing,
    "getPlaylists": keeping.playlists,
    "getPlaylist": keeping.playlist,
    "createPlaylist": keeping.create_playlist,
    "updatePlaylist": keeping.update_playlist,
    "deletePlaylist": keeping.delete_playlist,
    "savePlayQueue": keeping.save_queue,
    "getPlayQueue": keeping.queue,
    "savePlayQueueByIndex": keeping.save_queue_by_index,
    "getPlayQueueByIndex": keeping.queue_by_index,
    "stream": audio.stream,
    "download": audio.download,
    "getCoverArt": audio.cover,
    # what is not kept here: players ask for it all the same, and get an empty list
    "getLyrics": _empty("lyrics", {"value": ""}),
    "getLyricsBySongId": _empty("lyricsList", {"structuredLyrics": []}),
    "getInternetRadioStations": _empty("internetRadioStations", {"internetRadioStation": []}),
    "getPodcasts": _empty("podcasts", {"channel": []}),
    "getNewestPodcasts": _empty("newestPodcasts", {"episode": []}),
    "getBookmarks": _empty("bookmarks", {"bookmark": []}),
    "getShares": _empty("shares", {"share": []}),
    "getVideos": _empty("videos", {"video": []}),
}
NOT_HERE = frozenset(
    {"getUsers", "createUser", "updateUser", "deleteUser", "changePassword", "jukeboxControl",
     "refreshPodcasts", "createPodcastChannel", "deletePodcastChannel", "deletePodcastEpisode",
     "downloadPodcastEpisode", "getPodcastEpisode", "createBookmark", "deleteBookmark",
     "createShare", "updateShare", "deleteShare", "createInternetRadioStation",
     "updateInternetRadioStation", "deleteInternetRadioStation", "startScan", "getAvatar",
     "getTranscodeDecision", "getTranscodeStream", "reportPlayback", "getSonicSimilarTracks",
     "findSonicPath"}
)  # fmt: skip
MEDIA_CALLS = frozenset({"stream", "download"})
GONE = frozenset(
    {"search", "addChatMessage", "getChatMessages", "getVideoInfo", "getCaptions", "hls"}
)


@dataclass(frozen=True, slots=True)
class _Served:
    """What every call is answered from."""

    publication: Publication
    shelves: Shelves
    door: Door | None
    players: Players
    site: str


def rest_handler(
    publication: Publication,
    shelves: Shelves,
    door: Door | None,
    players: Players,
    public_url: str | None,
) -> ASGIRouteHandler:
    """The handler of everything below ``/rest``."""
    served = _Served(publication, shelves, door, players, (public_url or "").rstrip("/"))
    transcoder = Transcoder(players.transcodes)

    async def serve_rest(scope: Scope, receive: Receive, send: Send) -> None:
        http = cast("HTTPScope", scope)
        name = http["path"].strip("/").removesuffix(".view")
        try:
            parameters = Parameters(http["query_string"], await _read_form(http, receive))
        except CallError as error:
            await _send_error(Parameters(b""), served, error, http, send)
            return
        try:
            if http["method"] not in ("GET", "HEAD", "POST"):
                raise _UnansweredError(405, GENERIC, "use GET or POST")
            visit = scope.get(VISIT)
            answer = await anyio.to_thread.run_sync(_answer, served, name, parameters, visit)
            if isinstance(answer, Encoded):
                await transcoder.send(answer, http, receive, send)
            elif isinstance(answer, BlobAnswer):
                await send_blob(answer, http, receive, send)
            elif isinstance(answer, Image):
                await _send_image(answer, http, send)
            else:
                await _send_document(parameters, answer, http, send)
        except CallError as error:
            await _send_error(parameters, served, error, http, send)

    return asgi("/rest", is_mount=True, copy_scope=True)(serve_rest)


class _UnansweredError(CallError):
    """A call that has no answer here, with a status of HTTP of its own."""

    def __init__(self, status: int, code: int, message: str, help_path: str | None = None) -> None:
        super().__init__(code, message, help_path)
        self.status = status


def _answer(served: _Served, name: str, parameters: Parameters, visit: object) -> Answer:
    """The answer to a call, which the guard sees as `visit`; runs in a thread.

    Raises:
        CallError: there is none.
    """
    handler = HANDLERS.get(name)
    if handler is None:
        raise _unknown(name)
    account = None
    if name != "getOpenSubsonicExtensions":
        account = who_calls(parameters, served.door, served.players)
    if isinstance(visit, Visit):
        _admit(visit, account, name, parameters.get("id"))
    call = Call(
        parameters=parameters,
        publication=served.publication,
        shelves=served.shelves,
        players=served.players,
        account=account,
        accounts=served.door.accounts if served.door is not None else None,
        now=served.door.now()
        if served.door is not None
        else served.publication.manifest.published_at,
    )
    try:
        return handler(call)
    except (UsageError, InputError) as error:
        raise CallError(GENERIC, str(error)) from None
    except NotFoundError as error:
        raise CallError(NOT_FOUND, str(error)) from None
    except CallError:
        raise
    except Exception as error:
        _LOG.error("rest/%s failed", name, exc_info=error)
        text = "Something went wrong here; the operator finds it in the log"
        raise _UnansweredError(500, GENERIC, text) from None


def _admit(visit: Visit, account: Account | None, name: str, public_id: str | None) -> None:
    """Have the guard look at a call.

    Raises:
        CallError: it is refused; the header fields are added on the way out.
    """
    number = None if account is None else account.number
    refusal = visit.admit(number, media=name in MEDIA_CALLS, public_id=public_id)
    if refusal is not None:
        code = NO_ACCESS if refusal.status == 403 else GENERIC
        raise _UnansweredError(int(refusal.status), code, refusal.detail, "/guard/account")


def _unknown(name: str) -> CallError:
    if name in GONE:
        return _UnansweredError(410, GENERIC, f"{name} was given up by players long ago")
    if name in NOT_HERE:
        return _UnansweredError(501, GENERIC, f"{name}: this server does not do that")
    return _UnansweredError(404, NOT_FOUND, "there is no such call")


async def _read_form(scope: HTTPScope, receive: Receive) -> bytes:
    """The body of a form that was posted; other bodies are not read.

    Raises:
        CallError: it is larger than 4 MiB.
    """
    kind = next((v for name, v in scope["headers"] if name == b"content-type"), b"")
    if scope["method"] != "POST" or not kind.decode("latin-1").lower().startswith(_FORM):
        return b""
    content = bytearray()
    more = True
    while more:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            break
        content += message.get("body", b"")
        more = message.get("more_body", False)
        if len(content) > MAX_FORM_BYTES:
            raise _UnansweredError(413, GENERIC, f"a form has at most {MAX_FORM_BYTES} bytes")
    return bytes(content)


async def _send_error(
    parameters: Parameters, served: _Served, error: CallError, scope: HTTPScope, send: Send
) -> None:
    """A failed call is 200 in this protocol, but for calls that are not there."""
    help_url = f"{served.site}{error.help_path}" if served.site and error.help_path else None
    status = error.status if isinstance(error, _UnansweredError) else 200
    document = failed(error.code, error.message, help_url)
    await _send_document(parameters, document, scope, send, status)


async def _send_document(
    parameters: Parameters, document: Document, scope: HTTPScope, send: Send, status: int = 200
) -> None:
    rendered = render(document, parameters.get("f") or "xml", parameters.get("callback") or "")
    headers = {"content-type": rendered.media_type, "cache-control": "no-store", **OPEN}
    await _send(rendered.content, headers, scope, send, status)


async def _send_image(image: Image, scope: HTTPScope, send: Send) -> None:
    headers = {"content-type": image.media_type, "etag": image.etag,
               "cache-control": "max-age=86400"}  # fmt: skip
    known = next((v for name, v in scope["headers"] if name == b"if-none-match"), None)
    if known is not None and etag_matches(known.decode("latin-1"), image.etag):
        await _send(b"", headers, scope, send, 304)
        return
    await _send(image.content, headers, scope, send)


async def _send(
    content: bytes, headers: dict[str, str], scope: HTTPScope, send: Send, status: int = 200
) -> None:
    headers |= {"content-length": str(len(content)), "access-control-allow-origin": "*"}
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers.items()],
        }
    )
    body = b"" if scope["method"] == "HEAD" else content
    await send({"type": "http.response.body", "body": body, "more_body": False})

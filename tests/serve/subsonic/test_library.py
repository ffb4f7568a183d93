"""What players see of an edition: what is here and may be heard, in orders that hold."""

import shutil
import threading
from typing import Any

import pytest

from phonotheque.serve.app import open_index
from phonotheque.serve.publication import Publication, read_edition
from phonotheque.serve.subsonic import shelf
from phonotheque.serve.subsonic.parameters import CallError
from phonotheque.storage.layout import Tree
from tests.serve.subsonic.conftest import Caller, caller, opened

SONGS = {"Le jardin d'hiver", "L'été", "夜の電車", "<b>أغنية</b> & \"البحر\"", "Only heard",
         "Loose end", "Blue hour"}  # fmt: skip


def names(found: list[dict[str, Any]], field: str = "name") -> list[str]:
    return [one[field] for one in found]


def test_the_whole_library_comes_in_pages_that_neither_repeat_nor_leave_out(call: Caller) -> None:
    whole = call("search3", query="", songCount=500, albumCount=500, artistCount=500)
    assert set(names(whole["song"], "title")) == SONGS and len(whole["song"]) == len(SONGS)
    for of, field in (("song", "title"), ("album", "name"), ("artist", "name")):
        counts = {"songCount": 0, "albumCount": 0, "artistCount": 0}
        paged: list[str] = []
        for offset in range(0, 20, 2):
            page = call("search3", query='""', **counts | {f"{of}Count": 2, f"{of}Offset": offset})
            paged += names(page[of], field)
        assert paged == names(whole[of], field)
    assert set(names(whole["artist"])) == {"Zaz", "東京少年", "فرقة", "Somebody", "Zaz and friends"}
    assert set(names(whole["album"])) == {"Café", "都市", "موج", "Kept", "Blue Hours"}


def test_a_song_says_what_a_player_shows(call: Caller) -> None:
    (song,) = call("search3", query="jardin")["song"]
    again = call("getSong", id=song["id"])
    assert again == song
    assert song["artist"] == "Zaz" and song["album"] == "Café" and song["isDir"] is False
    assert song["duration"] == 30 and song["track"] == 1 and song["suffix"] == "wav"
    assert song["bitRate"] == 128 and song["size"] == 480_044 and song["genre"] == "Chanson"
    assert song["isrc"] == ["FRX872100001"] and song["comment"].endswith("(CC-BY-4.0)")
    album = call("getAlbum", id=song["albumId"])
    assert names(album["song"], "title") == ["Le jardin d'hiver", "L'été"]
    assert album["songCount"] == 2 and album["duration"] == 31 and album["year"] == 1999
    assert album["artistId"] == song["artistId"] and names(album["genres"]) == ["Chanson", "Jazz"]


def test_an_artist_has_albums_and_at_last_what_is_on_none(call: Caller) -> None:
    (zaz,) = (a for i in call("getArtists")["index"] for a in i["artist"] if a["name"] == "Zaz")
    assert zaz["albumCount"] == 2
    artist = call("getArtist", id=zaz["id"])
    assert names(artist["album"]) == ["Café", "No release"]
    loose = call("getAlbum", id=artist["album"][1]["id"])
    assert names(loose["song"], "title") == ["Loose end"]
    assert loose["song"][0]["albumId"] == loose["id"]
    folder = call("getMusicDirectory", id=zaz["id"])
    assert all(child["isDir"] for child in folder["child"])
    for child in folder["child"]:
        inside = call("getMusicDirectory", id=child["id"])["child"]
        assert inside and not any(song["isDir"] for song in inside)


def test_artists_stand_under_their_letters_in_every_script(call: Caller) -> None:
    letters = {i["name"]: names(i["artist"]) for i in call("getArtists")["index"]}
    assert letters == {"S": ["Somebody"], "Z": ["Zaz", "Zaz and friends"], "ف": ["فرقة"],
                       "東": ["東京少年"]}  # fmt: skip
    assert call("getIndexes")["index"] == call("getArtists")["index"]
    assert call("getIndexes", ifModifiedSince=2**45)["index"] == []


@pytest.mark.parametrize(
    ("asked", "albums"),
    [
        ({"type": "alphabeticalByName"}, ["Blue Hours", "Café", "Kept", "موج", "都市"]),
        ({"type": "alphabeticalByArtist"}, ["Kept", "Café", "Blue Hours", "موج", "都市"]),
        ({"type": "newest", "size": 2}, ["Blue Hours", "都市"]),
        ({"type": "frequent", "size": 2}, ["Café", "都市"]),
        ({"type": "byYear", "fromYear": 1990, "toYear": 2006}, ["Café", "都市"]),
        ({"type": "byYear", "fromYear": 2006, "toYear": 1990}, ["都市", "Café"]),
        ({"type": "byGenre", "genre": "Jazz"}, ["Café", "都市"]),
        ({"type": "byGenre", "genre": "Jazz", "offset": 1}, ["都市"]),
        ({"type": "byGenre", "genre": "Polka"}, []),
    ],
)
def test_albums_are_listed_in_every_order(
    call: Caller, asked: dict[str, Any], albums: list[str]
) -> None:
    assert names(call("getAlbumList2", **asked)["album"]) == albums
    folders = call("getAlbumList", **asked)["album"]
    assert names(folders, "title") == albums and all(album["isDir"] for album in folders)


def test_lists_by_chance_have_what_was_asked_for_and_nothing_twice(call: Caller) -> None:
    albums = names(call("getAlbumList2", type="random", size=500)["album"])
    assert sorted(albums) == sorted(set(albums)) and len(albums) == 5
    songs = names(call("getRandomSongs", size=500)["song"], "title")
    assert sorted(songs) == sorted(SONGS)
    assert len(call("getRandomSongs", size=2)["song"]) == 2
    of_jazz = set(names(call("getRandomSongs", size=50, genre="Jazz")["song"], "title"))
    assert of_jazz <= {"Le jardin d'hiver", "L'été", "夜の電車"} and of_jazz
    (late,) = {s["title"] for s in call("getRandomSongs", fromYear=2010, toYear=2010)["song"]}
    assert late == "Blue hour"


def test_genres_are_counted_and_their_songs_paged(call: Caller) -> None:
    assert call("getGenres")["genre"] == [
        {"value": "Chanson", "songCount": 2, "albumCount": 1},
        {"value": "Jazz", "songCount": 3, "albumCount": 2},
    ]
    whole = names(call("getSongsByGenre", genre="Jazz", count=9)["song"], "title")
    assert whole == ["Le jardin d'hiver", "L'été", "夜の電車"]
    for offset in range(4):
        page = call("getSongsByGenre", genre="Jazz", count=2, offset=offset)["song"]
        assert names(page, "title") == whole[offset : offset + 2]


def test_words_find_songs_albums_and_artists(call: Caller) -> None:
    found = call("search3", query="zaz")
    assert names(found["artist"]) == ["Zaz", "Zaz and friends"]
    assert "Only known" not in names(found["song"], "title") and len(found["song"]) == 4
    assert names(call("search3", query="blue ho")["album"]) == ["Blue Hours"]
    assert names(call("search3", query="都市")["album"]) == ["都市"]
    pages = [names(call("search3", query="zaz", songCount=1, songOffset=n)["song"], "title")
             for n in range(5)]  # fmt: skip
    assert [title for page in pages for title in page] == names(found["song"], "title") and pages[
        4
    ] == []
    assert call("search2", query="blue")["album"][0]["isDir"] is True
    assert call("search3", query="quuxxyzzy") == {"artist": [], "album": [], "song": []}


def test_top_songs_are_the_most_listened_by_name_or_id(call: Caller) -> None:
    by_name = call("getTopSongs", artist="ZAZ", count=2)["song"]
    assert names(by_name, "title") == ["Le jardin d'hiver", "Loose end"]
    assert call("getTopSongs", artistId=by_name[0]["artistId"], count=2)["song"] == by_name
    assert call("getTopSongs", artist="nobody of this name")["song"] == []
    similar = call("getSimilarSongs2", id=by_name[0]["artistId"], count=1)["song"]
    assert similar == by_name[:1]
    assert names(call("getSimilarSongs", id=by_name[0]["id"])["song"], "title")[0] == "Loose end"


def test_what_else_players_ask_for_is_answered(call: Caller) -> None:
    assert call("ping") is None
    assert call("getLicense") == {"valid": True}
    assert call("getMusicFolders")["musicFolder"] == [{"id": 1, "name": "Tiny archive"}]
    assert call("getScanStatus") == {"scanning": False, "count": 7}
    assert call("getUser")["username"] == "guest" and call("getUser", username="lea") == 70
    for name in ("getPodcasts", "getInternetRadioStations", "getLyricsBySongId", "getBookmarks"):
        assert isinstance(call(name), dict)
    zaz = call("getTopSongs", artist="zaz")["song"][0]["artistId"]
    assert call("getArtistInfo2", id=zaz) == {}


@pytest.mark.parametrize(
    ("name", "asked", "code"),
    [
        ("getAlbum", {}, 10), ("getAlbum", {"id": "dzzzzzzzzz"}, 70),
        ("getAlbum", {"id": "../../etc"}, 70), ("getArtist", {"id": ""}, 70),
        ("getSong", {"id": "l-"}, 70), ("stream", {}, 10), ("stream", {"id": "1"}, 70),
        ("getAlbumList2", {}, 10), ("getAlbumList2", {"type": "upsideDown"}, 0),
        ("getAlbumList2", {"type": "byYear"}, 10), ("search3", {}, 10),
        ("getAlbumList2", {"type": "newest", "size": "many"}, 0),
        ("getCoverArt", {"id": "x"}, 70), ("getMusicDirectory", {"id": "99"}, 70),
        ("createPlaylist", {"name": "x"}, 50), ("star", {"id": "x"}, 50), ("noSuchCall", {}, 70),
        ("jukeboxControl", {}, 0), ("getChatMessages", {}, 0),
        ("getAlbumList2", {"type": "starred"}, 50), ("scrobble", {"id": "x"}, 50),
    ],
)  # fmt: skip
def test_a_call_that_makes_no_sense_fails_with_its_code(
    call: Caller, name: str, asked: dict[str, str], code: int
) -> None:
    assert call(name, **asked) == code


def test_the_shelf_follows_the_volumes_that_stand_here(own_shelf: Tree) -> None:
    with opened(own_shelf) as client:
        call = caller(client)
        assert len(call("search3", query="", songCount=99)["song"]) == 7
        shutil.rmtree(own_shelf.volume("tiny-tier1-00002"))
        assert len(call("search3", query="", songCount=99)["song"]) == 5
        assert "東京少年" not in names(call("search3", query="", artistCount=99)["artist"])
        shelves = list(own_shelf.edition_index("2026-11").glob("shelf-*"))
        assert len(shelves) == 1
        shutil.rmtree(own_shelf.volumes)
        assert call("search3", query="") == {"artist": [], "album": [], "song": []}
        assert call("getArtists")["index"] == [] and call("getRandomSongs")["song"] == []


def test_while_a_shelf_is_made_few_wait_and_others_are_told_so(
    own_shelf: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, begun = threading.Event(), threading.Event()
    make = shelf.make_shelf

    def slowly(*given: Any, **named: Any) -> None:
        begun.set()
        go_on.wait(30)
        make(*given, **named)

    for made in own_shelf.edition_index("2026-11").glob("shelf-*"):
        shutil.rmtree(made)
    monkeypatch.setattr(shelf, "make_shelf", slowly)
    monkeypatch.setattr(shelf, "_PATIENCE_SECONDS", 0.01)
    manifest, digest = read_edition(own_shelf, None)
    publication = Publication(own_shelf, manifest, digest, open_index(own_shelf, manifest.name))
    shelves = shelf.Shelves(publication)
    first = threading.Thread(target=shelves.current)
    first.start()
    assert begun.wait(30)
    with pytest.raises(CallError, match="being made ready"):
        shelves.current()
    go_on.set()
    first.join()
    assert len(shelves.current().songs) == 7
    begun.clear()
    go_on.clear()
    shutil.rmtree(own_shelf.volume("tiny-tier1-00002"))
    second = threading.Thread(target=shelves.current)
    second.start()
    assert begun.wait(30) and len(shelves.current().songs) == 7  # as it was, meanwhile
    go_on.set()
    second.join()
    assert len(shelves.current().songs) == 5
    publication.close()

"""What listeners keep through players: stars, ratings, plays, playlists, the queue."""

from litestar.testing import TestClient

from phonotheque.storage.layout import Tree
from tests.serve.subsonic.conftest import Caller, caller, key_of


def songs(call: Caller) -> dict[str, str]:
    return {s["title"]: s["id"] for s in call("search3", query="", songCount=99)["song"]}


def test_stars_and_ratings_show_where_things_are_shown(lea: Caller, call: Caller) -> None:
    ids = songs(lea)
    (zaz,) = (a for a in lea("search3", query="zaz")["artist"] if a["name"] == "Zaz")
    album = lea("getArtist", id=zaz["id"])["album"][0]["id"]
    assert (
        lea("star", id=[ids["L'été"], ids["Blue hour"]], albumId=album, artistId=zaz["id"]) is None
    )
    assert lea("setRating", id=ids["L'été"], rating=5) is None
    assert lea("setRating", id=ids["L'été"], rating=6) == 0
    found = lea("getStarred2")
    assert {s["title"] for s in found["song"]} == {"L'été", "Blue hour"}
    assert found["album"][0]["id"] == album and found["artist"][0]["name"] == "Zaz"
    song = lea("getSong", id=ids["L'été"])
    assert song["starred"] == "2026-11-23T12:00:00Z" and song["userRating"] == 5
    assert lea("getAlbumList2", type="starred")["album"][0]["starred"]
    assert lea("unstar", id=ids["L'été"], albumId=album) is None
    assert lea("getStarred")["album"] == [] and "starred" not in lea("getSong", id=ids["L'été"])
    assert "userRating" not in call("getSong", id=ids["L'été"])  # nobody sees another's marks


def test_a_stream_is_no_play_and_a_scrobble_is(
    lea: Caller, player: TestClient, shelved: Tree, member: str
) -> None:
    ids = songs(lea)
    given = {"id": ids["L'été"], "apiKey": key_of(shelved, member)}
    assert player.get("/rest/stream", params=given).status_code == 200
    assert "playCount" not in lea("getSong", id=ids["L'été"])
    assert lea("scrobble", id=ids["L'été"], submission="false") is None
    assert "playCount" not in lea("getSong", id=ids["L'été"])
    (heard,) = lea("getNowPlaying")["entry"]
    assert heard["title"] == "L'été" and heard["minutesAgo"] == 0 and heard["username"] == member
    times = [1_700_000_000_000, 1_600_000_000_000]
    assert lea("scrobble", id=[ids["L'été"]] * 2, time=times) is None
    song = lea("getSong", id=ids["L'été"])
    assert song["playCount"] == 2 and song["played"] == "2023-11-14T22:13:20Z"
    (album,) = lea("getAlbumList2", type="recent")["album"]
    assert album["name"] == "Café" and album["playCount"] == 2
    assert lea("getAlbumList2", type="frequent")["album"] == [album]
    assert lea("scrobble", id=ids["L'été"], time="yesterday") == 0


def test_playlists_are_made_changed_shown_and_deleted(
    lea: Caller, player: TestClient, shelved: Tree, member: str
) -> None:
    ids = songs(lea)
    made = lea("createPlaylist", name="Nuit", songId=[ids["L'été"], ids["夜の電車"]])
    assert made["songCount"] == 2 and made["duration"] == 2 and made["owner"] == member
    changes = {"songIndexToRemove": 0, "songIdToAdd": [ids["Blue hour"]] * 2, "comment": "c"}
    assert lea("updatePlaylist", playlistId=made["id"], public="true", **changes) is None
    shown = lea("getPlaylist", id=made["id"])
    assert [s["title"] for s in shown["entry"]] == ["夜の電車", "Blue hour", "Blue hour"]
    guest = caller(player)
    assert guest("getPlaylists")["playlist"][0]["comment"] == "c"
    assert guest("deletePlaylist", id=made["id"]) == 50
    op = caller(player, apiKey=key_of(shelved, "op"))
    assert op("getPlaylist", id=made["id"])["name"] == "Nuit"
    assert op("deletePlaylist", id=made["id"]) == 70
    replaced = lea("createPlaylist", playlistId=made["id"], songId=ids["L'été"])
    assert replaced["name"] == "Nuit" and replaced["songCount"] == 1
    assert lea("updatePlaylist", playlistId=made["id"], songIdToAdd="r000000000") == 70
    assert lea("deletePlaylist", id=made["id"]) is None
    assert lea("getPlaylists")["playlist"] == [] and lea("getPlaylist", id=made["id"]) == 70


def test_the_queue_is_kept_by_song_and_by_place(lea: Caller, call: Caller) -> None:
    ids = songs(lea)
    queue = [ids["L'été"], ids["Blue hour"], ids["L'été"]]
    assert lea("getPlayQueue") is None
    assert lea("savePlayQueue", id=queue, current=queue[1], position=1500) is None
    kept = lea("getPlayQueue")
    assert kept["current"] == queue[1] and kept["position"] == 1500 and kept["changedBy"] == "test"
    assert [s["id"] for s in kept["entry"]] == queue
    assert lea("savePlayQueueByIndex", id=queue, currentIndex=2) is None
    assert lea("getPlayQueueByIndex")["currentIndex"] == 2
    assert lea("savePlayQueueByIndex", id=queue, currentIndex=3) == 0
    assert lea("savePlayQueueByIndex", id=queue) == 10
    assert lea("savePlayQueue", id=queue, current="elsewhere") == 0
    assert lea("savePlayQueue") is None and lea("getPlayQueue") is None
    assert call("savePlayQueue") == 50 and call("getPlayQueue") is None

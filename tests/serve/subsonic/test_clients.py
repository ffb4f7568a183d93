"""Client libraries that others wrote, against a server that runs: they understand every answer."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from phonotheque.accounts import ACCOUNTS_FILE, CHEAP, Accounts, Door, Passwords
from phonotheque.serve import Players, Server, create_app
from phonotheque.storage.layout import Tree
from tests.serve.subsonic.conftest import NOW, WORDS, key_of

libopensonic = pytest.importorskip("libopensonic")


@pytest.fixture
def server(own_shelf: Tree) -> Iterator[Server]:
    door = Door(own_shelf.state / ACCOUNTS_FILE, lambda: NOW, Passwords(CHEAP))
    players = Players(anonymous=False, passwords=True, tokens=True)
    with Server(create_app(own_shelf, door=door, players=players)) as running:
        yield running


def connected(server: Server, **login: Any) -> Any:
    """A client as players are built with."""
    return libopensonic.Connection(f"http://{server.host}", port=server.port, **login)


@pytest.fixture
def client(server: Server, own_shelf: Tree) -> Iterator[Any]:
    made = connected(server, api_key=key_of(own_shelf, "lea"))
    yield made
    made.cleanup()


def test_a_client_library_logs_in_browses_plays_and_keeps(client: Any) -> None:
    assert client.ping() is True
    assert client.get_license()
    extensions = {extension.name for extension in client.get_open_subsonic_extensions()}
    assert {"apiKeyAuthentication", "formPost", "transcodeOffset"} <= extensions
    listed = [artist for index in client.get_artists().index for artist in index.artist]
    (zaz,) = [artist for artist in listed if artist.name == "Zaz"]
    albums = client.get_artist(zaz.id).album
    album = client.get_album(albums[0].id)
    assert [song.title for song in album.song] == ["Le jardin d'hiver", "L'été"]
    whole = client.search3(query="", song_count=500)
    assert len(whole.song) == 7
    assert client.get_song(album.song[0].id).isrc == ["FRX872100001"]
    assert client.get_album_list2("newest")[0].name == "Blue Hours"
    assert {genre.value for genre in client.get_genres()} == {"Chanson", "Jazz"}
    assert client.get_top_songs("Zaz", 1)[0].title == "Le jardin d'hiver"
    assert len(client.get_random_songs(2)) == 2 and client.get_indexes().index
    assert client.star([album.song[1].id]) and client.scrobble(album.song[1].id)
    assert [song.title for song in client.get_starred2().song] == ["L'été"]
    assert client.get_song(album.song[1].id).play_count == 1
    assert client.create_playlist(name="Nuit", song_ids=[song.id for song in album.song])
    (made,) = client.get_playlists()
    assert [entry.id for entry in client.get_playlist(made.id).entry] == [s.id for s in album.song]
    assert client.save_play_queue([song.id for song in album.song], album.song[1].id, 7)
    assert client.get_play_queue().current == album.song[1].id
    assert client.delete_playlist(made.id) and client.get_playlists() == []


@pytest.mark.full  # its siblings in test_access send the same without a library
def test_another_client_library_sends_tokens_and_passwords(server: Server, own_shelf: Tree) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the library itself is warned of is its own
        libsonic = pytest.importorskip("libsonic")
    with Accounts(own_shelf.state / ACCOUNTS_FILE) as found:
        secret = found.make_token_password("lea", NOW, "test")
    url = f"http://{server.host}"
    by_token = libsonic.Connection(url, "lea", secret, port=server.port)
    by_password = libsonic.Connection(url, "lea", WORDS, port=server.port, legacyAuth=True)
    by_key = libsonic.Connection(url, "lea", key_of(own_shelf, "lea"), port=server.port,
                                 legacyAuth=True)  # fmt: skip
    for one in (by_token, by_password, by_key):
        assert one.ping() is True
    with pytest.raises(libsonic.errors.CredentialError):
        libsonic.Connection(url, "lea", WORDS, port=server.port).ping()
    found = by_token.search3("jardin")["searchResult3"]["song"]
    with by_token.stream(found[0]["id"], maxBitRate=64, tformat="mp3") as heard:
        assert heard.read()[:2] in (b"\xff\xfb", b"\xff\xf3", b"ID")
    with by_token.download(found[0]["id"]) as whole:
        assert whole.read(4) == b"RIFF"
    with by_token.getCoverArt(found[0]["id"], 64) as cover:
        assert cover.read(4) == b"\x89PNG"

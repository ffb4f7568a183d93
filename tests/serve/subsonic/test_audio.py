"""Audio and pictures for players: as they are, encoded anew, and what becomes of the workers."""

import asyncio
import io
import os
import time
from pathlib import Path
from typing import Any

import av
import pytest
from litestar.testing import TestClient

from phonotheque.search import DisplayRow, FileRow
from phonotheque.serve import Players
from phonotheque.serve.subsonic.parameters import CallError
from phonotheque.serve.subsonic.pictures import draw_pattern, media_type_of, picture_in
from phonotheque.serve.subsonic.transcoding import (
    Encoded,
    Transcoder,
    Wanted,
    plan_transcoding,
)
from phonotheque.storage.layout import Tree
from tests.serve.subsonic.conftest import Caller, caller, opened, tone


def row(codec: str, kbits: int) -> DisplayRow:
    file = FileRow("v", f"data/a.{codec}", "audio/x", codec, kbits * 1000 // 8 * 60, 60_000, "00",
                   "CC0-1.0", None, "", "ALLOW", "ALLOW")  # fmt: skip
    return DisplayRow(1, "r", "t", "a", (), None, None, 60_000, (), None, (), None, "ALLOW",
                      "ALLOW", 0, 0, 1, 1, (), file)  # fmt: skip


@pytest.mark.parametrize(
    ("codec", "kbits", "asked", "wanted"),
    [
        ("flac", 900, (None, 0, 0), None), ("flac", 900, ("raw", 64, 9), None),
        ("flac", 900, ("flac", 0, 0), None), ("flac", 900, (None, 128, 0), ("opus", 128, 0)),
        ("flac", 900, ("mp3", 0, 0), ("mp3", 192, 0)),
        ("flac", 900, ("opus", 0, 0), ("opus", 128, 0)),
        ("mp3", 192, ("mp3", 0, 0), None), ("mp3", 192, ("mp3", 128, 0), ("mp3", 128, 0)),
        ("mp3", 192, ("mp3", 100, 0), ("mp3", 96, 0)), ("mp3", 64, (None, 128, 0), None),
        ("opus", 96, ("ogg", 128, 0), None), ("vorbis", 96, ("opus", 0, 0), ("opus", 96, 0)),
        ("mp3", 192, (None, 0, 20), ("opus", 128, 20)),
        ("mp3", 192, ("mp3", 0, 20), ("mp3", 192, 20)),
        ("flac", 900, ("opus", 1, 0), ("opus", 16, 0)),
        ("flac", 900, ("mp3", 999, 0), ("mp3", 320, 0)),
    ],
)  # fmt: skip
def test_a_file_is_encoded_anew_only_where_that_was_asked_for(
    codec: str, kbits: int, asked: tuple[str | None, int, int], wanted: tuple[str, int, int] | None
) -> None:
    assert plan_transcoding(row(codec, kbits), *asked) == (
        None if wanted is None else Wanted(*wanted)
    )


def decoded(content: bytes) -> tuple[str, float]:
    """(codec, seconds) of an encoded file."""
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.audio[0]
        samples = sum(frame.samples for frame in container.decode(stream))
        return stream.codec_context.name, samples / stream.codec_context.sample_rate


def song_id(call: Caller, title: str) -> str:
    return next(s["id"] for s in call("search3", query="", songCount=99)["song"]
                if s["title"] == title)  # fmt: skip


def test_a_file_is_sent_as_it_is_with_ranges(player: TestClient, call: Caller) -> None:
    given = {"id": song_id(call, "L'été")}
    whole = player.get("/rest/stream.view", params=given)
    assert whole.content[:4] == b"RIFF" and len(whole.content) == 16_044
    part = player.get("/rest/stream", params=given, headers={"range": "bytes=4-7"})
    assert part.status_code == 206 and part.content == whole.content[4:8]
    head = player.head("/rest/stream", params=given)
    assert head.headers["content-length"] == "16044" and head.content == b""
    again = player.get(
        "/rest/stream", params=given, headers={"if-none-match": whole.headers["etag"]}
    )
    assert again.status_code == 304


def test_a_file_is_encoded_while_it_is_sent_from_any_second_on(
    player: TestClient, call: Caller
) -> None:
    given = {"id": song_id(call, "Le jardin d'hiver"), "format": "opus", "maxBitRate": 48}
    opus = player.get("/rest/stream", params=given)
    assert opus.headers["content-type"] == "audio/ogg" and "content-length" not in opus.headers
    codec, seconds = decoded(opus.content)
    assert "opus" in codec and 29.9 < seconds < 30.2 and len(opus.content) < 300_000
    mp3 = player.get("/rest/stream", params=given | {"format": "mp3", "timeOffset": 27})
    assert mp3.headers["content-type"] == "audio/mpeg"
    codec, seconds = decoded(mp3.content)
    assert codec.startswith("mp3") and 2.9 < seconds < 3.3
    head = player.head("/rest/stream", params=given)
    assert head.status_code == 200 and head.content == b""


def test_what_does_not_decode_or_may_not_be_encoded_fails_with_a_document(
    own_shelf: Tree,
) -> None:
    (own_shelf.volume("tiny-tier1-00001") / "data" / "b.wav").write_bytes(b"no audio at all")
    with opened(own_shelf) as client:
        call = caller(client)
        assert call("stream", id=song_id(call, "L'été"), format="mp3") == 0


@pytest.mark.full  # a server of its own, for one line
def test_a_server_may_encode_nothing(shelved: Tree) -> None:
    with opened(shelved, Players(transcodes=0)) as client:
        call = caller(client)
        assert call("stream", id=song_id(call, "L'été"), format="mp3") == 0
        names = [e["name"] for e in call("getOpenSubsonicExtensions")]
        assert "transcodeOffset" not in names and "apiKeyAuthentication" in names


class Listener:
    """A client of ASGI that takes so many pieces, then leaves or sleeps."""

    def __init__(self, pieces: int) -> None:
        self.left, self.got = pieces, 0
        self.gone = asyncio.Event()

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.got += len(message.get("body", b""))
        if message["type"] == "http.response.body":
            self.left -= 1
            if self.left <= 0:
                self.gone.set()


def workers() -> list[str]:
    """Command lines of this process's transcoding workers."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().decode(errors="replace")
            parent = (entry.parent / "stat").read_text().rsplit(")", 1)[1].split()[1]
        except OSError:
            continue
        if "transcoding_worker" in line and int(parent) == os.getpid():
            found.append(line)
    return found


def test_a_worker_ends_when_its_listener_leaves_and_no_more_run_than_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phonotheque.serve.subsonic.transcoding._WAIT_SECONDS", 0.05)
    path = tmp_path / "long.wav"
    path.write_bytes(tone(1) + bytes(16_000) * 3600)
    wav = bytearray(path.read_bytes())
    wav[4:8] = (len(wav) - 8).to_bytes(4, "little")
    wav[40:44] = (len(wav) - 44).to_bytes(4, "little")
    path.write_bytes(wav)
    scope: Any = {"type": "http", "method": "GET", "headers": []}
    encoded = Encoded(path, Wanted("mp3", 320, 0), {})

    async def run() -> None:
        transcoder, listener = Transcoder(1), Listener(3)
        sending = asyncio.create_task(
            transcoder.send(encoded, scope, listener.receive, listener.send)
        )
        while not transcoder.running:
            await asyncio.sleep(0.01)
        with pytest.raises(CallError, match="1 files are being encoded already"):
            await transcoder.send(encoded, scope, listener.receive, listener.send)
        await asyncio.wait_for(sending, 60)
        assert transcoder.running == 0 and listener.got > 0

    began = time.monotonic()
    asyncio.run(run())
    assert workers() == [] and time.monotonic() - began < 60


def test_a_picture_comes_out_of_the_file_or_is_drawn(own_shelf: Tree, tmp_path: Path) -> None:
    picture = draw_pattern("inside", 32)
    place = own_shelf.volume("tiny-tier1-00001") / "data" / "b.wav"
    whole = bytearray(place.read_bytes() + _id3_chunk(picture))
    whole[4:8] = (len(whole) - 8).to_bytes(4, "little")
    place.write_bytes(whole)
    assert picture_in(place) == (picture, "image/png")
    with opened(own_shelf) as client:
        call = caller(client)
        inside = client.get("/rest/getCoverArt", params={"id": song_id(call, "L'été")})
        assert inside.content == picture and inside.headers["content-type"] == "image/png"
        again = client.get("/rest/getCoverArt", params={"id": song_id(call, "L'été")},
                           headers={"if-none-match": inside.headers["etag"]})  # fmt: skip
        assert again.status_code == 304
        song = call("getSong", id=song_id(call, "Blue hour"))
        drawn = [client.get("/rest/getCoverArt", params={"id": one, "size": 64}).content
                 for one in (song["id"], song["albumId"], song["artistId"])]  # fmt: skip
        assert drawn[0] == drawn[1] != drawn[2]
        assert all(media_type_of(content) == "image/png" for content in drawn)
        with av.open(io.BytesIO(drawn[0])) as shown:
            assert (shown.streams.video[0].width, shown.streams.video[0].height) == (64, 64)
            next(shown.decode(video=0))
        huge = client.get("/rest/getCoverArt", params={"id": song["id"], "size": 10**9})
        assert len(huge.content) < 20_000
    broken = tmp_path / "x.flac"
    broken.write_bytes(b"fLaC" + bytes(99))
    assert picture_in(broken) is None and picture_in(tmp_path / "nowhere.ogg") is None


def _id3_chunk(picture: bytes) -> bytes:
    from mutagen.id3 import APIC, ID3

    tags = ID3()
    tags.add(APIC(encoding=3, mime="image/png", type=3, desc="", data=picture))
    held = io.BytesIO()
    tags.save(held)
    content = held.getvalue()
    return b"id3 " + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)


def test_a_withdrawn_song_is_neither_streamed_nor_given_out(
    own_shelf: Tree, own_player: TestClient
) -> None:
    from phonotheque.model.edition import Revocations, RevokedFile
    from phonotheque.storage.documents import write_document
    from tests.serve.subsonic.conftest import NOW

    call = caller(own_player)
    found = song_id(call, "L'été")
    revoked = RevokedFile(
        recording=found, reason="take-down", since=NOW, sha256="", pieces_root="",
        volume="tiny-tier1-00001", path="data/b.wav",
    )  # fmt: skip
    write_document(own_shelf.revocations_json, Revocations(format=1, sequence=1, files=[revoked]))
    assert [call(name, id=found) for name in ("stream", "download")] == [70, 70]

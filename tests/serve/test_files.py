"""Files by address: whole, in part, and never what is not published."""

import asyncio
import os
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from msgspec.structs import replace

from phonotheque.search import DisplayRow, SearchIndex
from phonotheque.serve import create_app
from phonotheque.serve.blobs import CHUNK_BYTES
from phonotheque.storage.layout import Tree
from tests.serve.conftest import (
    DENIED,
    OTHER_VOLUME,
    REVIEWED,
    VOLUME,
    WITHDRAWN,
    WITHOUT_AUDIO,
    noise,
    recording_id,
)

FILE = f"/volumes/{VOLUME}/data/b.ogg"
CONTENT = noise(5002, 2)


def test_a_file_comes_whole_with_its_digest_as_etag(client: TestClient) -> None:
    answer = client.get(FILE)
    assert answer.status_code == 200
    assert answer.content == CONTENT
    assert answer.headers["etag"] == f'"{sha256(CONTENT).hexdigest()}"'
    assert answer.headers["content-type"] == "audio/ogg"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "public, max-age=86400"  # it may be withdrawn


def test_a_name_with_accents_apostrophes_and_per_cent_signs_is_found(client: TestClient) -> None:
    name = quote("Jardin d'hiver été 100%.ogg")
    assert client.get(f"/volumes/{VOLUME}/data/{name}").content == noise(5001, 1)


def test_head_says_the_same_and_sends_nothing(client: TestClient) -> None:
    whole, head = client.get(FILE), client.head(FILE)
    assert head.content == b""
    assert head.headers["content-length"] == str(len(CONTENT))
    assert head.headers["etag"] == whole.headers["etag"]


@pytest.mark.parametrize(
    ("asked", "start", "stop"), [("0-0", 0, 1), ("100-199", 100, 200), ("-7", 4995, 5002),
                                 ("5000-", 5000, 5002)],
)  # fmt: skip
def test_a_range_gives_those_bytes(client: TestClient, asked: str, start: int, stop: int) -> None:
    answer = client.get(FILE, headers={"range": f"bytes={asked}"})
    assert answer.status_code == 206
    assert answer.content == CONTENT[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/5002"


def test_several_ranges_come_in_parts(client: TestClient) -> None:
    answer = client.get(FILE, headers={"range": "bytes=0-3,100-103,-2"})
    assert answer.status_code == 206
    assert int(answer.headers["content-length"]) == len(answer.content)
    boundary = answer.headers["content-type"].partition("boundary=")[2].encode()
    parts = answer.content.split(b"--" + boundary)[1:-1]
    bodies = [part.partition(b"\r\n\r\n")[2][:-2] for part in parts]
    assert bodies == [CONTENT[:4], CONTENT[100:104], CONTENT[-2:]]
    assert b"Content-Range: bytes 100-103/5002" in parts[1]


def test_bytes_beyond_the_end_are_416_with_the_size(client: TestClient) -> None:
    answer = client.get(FILE, headers={"range": "bytes=6000-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */5002"


def test_if_range_of_another_version_gives_the_whole(client: TestClient) -> None:
    etag = client.head(FILE).headers["etag"]
    asked = {"range": "bytes=0-0"}
    assert client.get(FILE, headers=asked | {"if-range": etag}).status_code == 206
    assert client.get(FILE, headers=asked | {"if-range": '"other"'}).content == CONTENT


def test_who_has_it_already_gets_304(client: TestClient) -> None:
    etag = client.head(FILE).headers["etag"]
    answer = client.get(FILE, headers={"if-none-match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


def test_a_file_longer_than_one_chunk_arrives_unchanged(
    own_client: TestClient, own_tree: Tree
) -> None:
    content = os.urandom(2 * CHUNK_BYTES + 17)
    (own_tree.volume(VOLUME) / "data" / "long.bin").write_bytes(content)
    address = f"/volumes/{VOLUME}/data/long.bin"
    assert own_client.get(address).content == content
    part = own_client.get(address, headers={"range": f"bytes=9-{CHUNK_BYTES + 9}"})
    assert part.content == content[9 : CHUNK_BYTES + 10]


def test_pad_files_are_zeros_of_the_size_their_name_says(client: TestClient) -> None:
    address = f"/volumes/{VOLUME}/.pad/1000"
    assert client.get(address).content == bytes(1000)
    assert client.get(address, headers={"range": "bytes=990-"}).content == bytes(10)
    assert client.get(f"/volumes/{VOLUME}/.pad/0").content == b""


def test_an_editions_torrent_has_pad_files_too(client: TestClient) -> None:
    name = client.get("/latest.json").json()["edition"]
    assert client.get(f"/editions/{name}/.pad/1000").content == bytes(1000)
    assert client.get("/editions/none/.pad/1000").status_code == 404


@pytest.mark.parametrize("name", [str((64 << 20) + 1), "-1", "01", "1e3", "", "5/5", "９"])
def test_other_pad_files_do_not_exist(client: TestClient, name: str) -> None:
    assert client.get(f"/volumes/{VOLUME}/.pad/{name}").status_code == 404
    assert client.get("/volumes/none/.pad/5").status_code == 404


@pytest.mark.parametrize(
    ("address", "media_type"),
    [
        ("/latest.json", "application/json"),
        ("/metadata/1.root.json", "application/json"),
        ("/editions/2026-11/edition.json", "application/json"),
        ("/editions/2026-11/volumes.parquet", "application/vnd.apache.parquet"),
        (f"/torrents/{VOLUME}.torrent", "application/x-bittorrent"),
        (f"/editions/2026-11/torrents/{VOLUME}.torrent", "application/x-bittorrent"),
        (f"/volumes/{VOLUME}/bagit.txt", "text/plain; charset=utf-8"),
    ],
)
def test_what_is_published_is_served(client: TestClient, address: str, media_type: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type


def test_what_may_change_is_asked_for_again_and_what_cannot_is_kept(client: TestClient) -> None:
    for address in ("/latest.json", "/metadata/timestamp.json"):
        assert client.get(address).headers["cache-control"] == "no-cache"
    for address in ("/metadata/1.root.json", "/editions/2026-11/edition.json"):
        assert "immutable" in client.get(address).headers["cache-control"]


def test_files_of_the_edition_have_their_digest_as_etag(
    client: TestClient, published: Tree
) -> None:
    content = (published.edition("2026-11") / "volumes.parquet").read_bytes()
    answer = client.get("/editions/2026-11/volumes.parquet")
    assert answer.headers["etag"] == f'"{sha256(content).hexdigest()}"'


def raw_status(app: Any, path: str) -> int:
    """The status for a decoded path, exactly as a server would hand it over."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": [], "server": ("a", 80), "client": ("b", 1), "state": {},
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    "path",
    [
        "/sources/a.txt", "/vault/b", "/catalogue/c.json", "/online-keys/k.pem", "/archive.toml",
        "/.lock", "/index/2026-11/index.json", "/withdrawals.jsonl",
        "/volumes/../archive.toml", "/volumes/../online-keys/k.pem", "/metadata/../archive.toml",
        f"/volumes/{VOLUME}/../../archive.toml", f"/volumes/{VOLUME}/data/../../../archive.toml",
        f"/volumes/{VOLUME}/.hidden", f"/volumes/{VOLUME}/.pad", f"/volumes/{VOLUME}/data",
        f"/volumes/{VOLUME}", "/volumes", "/volumes/", "/volumes//etc/passwd",
        "/volumes//", "/editions/../archive.toml", "/torrents/../../../archive.toml",
        "/torrents/../edition.json", f"/volumes/{VOLUME}/data/b.ogg\0", "/volumes/\0",
        f"/volumes/{VOLUME}\\data\\b.ogg", "/volumes/~/x", f"/volumes/{VOLUME}/data/{'x' * 300}",
        f"/volumes/..{VOLUME}/data/b.ogg", "/volumesX/b", "/stream/", "/stream/../latest.json",
        "/revocations.json",
    ],
)  # fmt: skip
def test_nothing_else_is_ever_served(app: Litestar, path: str) -> None:
    assert raw_status(app, path) == 404


def test_a_symbolic_link_does_not_lead_out(own_client: TestClient, own_tree: Tree) -> None:
    (own_tree.volume(VOLUME) / "data" / "key.txt").symlink_to(own_tree.online_keys / "k.pem")
    (own_tree.volume(VOLUME) / "data" / "folder").symlink_to(own_tree.root / "sources")
    assert own_client.get(f"/volumes/{VOLUME}/data/key.txt").status_code == 404
    assert own_client.get(f"/volumes/{VOLUME}/data/folder/a.txt").status_code == 404


def test_encoded_dots_and_slashes_lead_nowhere(client: TestClient) -> None:
    for path in ("/volumes/%2e%2e/archive.toml", "/volumes/%2e%2e%2farchive.toml",
                 "/volumes/..%2f..%2farchive.toml", "/metadata/%2e%2e/online-keys/k.pem",
                 "/volumes/%252e%252e/archive.toml"):  # fmt: skip
        assert client.get(path).status_code == 404


def test_other_methods_are_not_allowed(client: TestClient) -> None:
    answer = client.post(FILE)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_stream_is_the_file_of_the_recording(client: TestClient) -> None:
    answer = client.get(f"/stream/{recording_id(2)}", headers={"range": "bytes=0-99"})
    assert (answer.status_code, answer.content) == (206, CONTENT[:100])
    assert answer.headers["content-type"] == "audio/ogg"


@pytest.mark.parametrize(
    ("number", "status"),
    [(WITHDRAWN, 410), (DENIED, 403), (REVIEWED, 403), (WITHOUT_AUDIO, 404), (9999, 404)],
)
def test_a_stream_that_may_not_be_is_refused_with_a_reason(
    client: TestClient, number: int, status: int
) -> None:
    answer = client.get(f"/stream/{recording_id(number)}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert recording_id(number) in problem["detail"]


def test_a_mirror_without_the_volume_says_so(own_client: TestClient, own_tree: Tree) -> None:
    own_tree.volume(VOLUME).rename(own_tree.root / "elsewhere")
    answer = own_client.get(f"/stream/{recording_id(2)}")
    assert answer.status_code == 404
    assert VOLUME in answer.json()["detail"]
    assert own_client.get(f"/volumes/{OTHER_VOLUME}/data/e.ogg").status_code == 200


@pytest.mark.parametrize(("then", "today"), [("ALLOW", "DENY"), ("DENY", "ALLOW")])
def test_a_stream_needs_the_verdict_of_today_and_that_of_the_file(
    own_tree: Tree, then: str, today: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verdict that has become stricter counts in the next edition, though volumes stay."""
    rows = SearchIndex.rows

    def with_verdicts(index: SearchIndex, numbers: list[int]) -> list[DisplayRow]:
        found = rows(index, numbers)
        return [
            replace(r, stream=today, file=r.file and replace(r.file, stream=then)) for r in found
        ]

    monkeypatch.setattr(SearchIndex, "rows", with_verdicts)
    with TestClient(create_app(own_tree)) as client:
        assert client.get(f"/stream/{recording_id(2)}").status_code == 403
        page = client.get(f"/api/v1/recordings/{recording_id(2)}").json()
        assert not page["recording"]["playable"]


def test_the_feed_has_the_addresses_of_this_server(client: TestClient) -> None:
    answer = client.get("/feed.atom")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/atom+xml")
    assert b'href="http://testserver.local/editions/' in answer.content
    assert b'rel="alternate" type="application/atom+xml"' in client.get("/").content

"""The client of the API: against the API's document, and against a server."""

import re
import threading
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import signature
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from phonotheque.client import ApiError, Client
from phonotheque.client.asking import Asker
from phonotheque.model.errors import FormatError, TransferError
from phonotheque.model.rights import Use
from phonotheque.serve import Server, create_app
from phonotheque.storage.layout import Tree
from tests.serve.conftest import VOLUME, noise, recording_id

EXAMPLES: dict[str, Any] = {
    "q": "x y/ü", "limit": 7, "cursor": "1-2", "facets": True, "highlights": True,
    "recordings": True, "public_id": "a/b", "since": 3, "name": "2026-11", "volume": "v/é",
    "sha256": "00", "case": "2026-00001", "territory": ["DE", "US"], "date": date(2030, 1, 2),
    "use": [Use.STREAM],
}  # fmt: skip


class Recorder:
    """Takes the place of what asks; keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], Any]] = []

    def ask(self, path: str, values: dict[str, Any], kind: Any, body: object = None) -> None:
        self.asked.append((path, values, kind))

    def stream(self, path: str, values: dict[str, Any], kind: Any, body: object = None) -> Any:
        self.asked.append((path, values, kind))
        return iter(())


def method_name(operation_id: str) -> str:
    return re.sub(r"([A-Z])", r"_\1", operation_id).lower()


def test_every_operation_of_the_document_has_its_method(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    for template, path in document["paths"].items():
        for operation in path.values():
            name = method_name(operation["operationId"])
            name = {"list_volumes": "list_volumes"}.get(name, name)
            asker, archive = Recorder(), Client("http://archive.example")
            archive._asker = asker  # type: ignore[assignment]
            method = getattr(archive, name)
            if name == "lookup_batch":
                list(method(["x"]))
                assert asker.asked[0][0] == "/lookup"
                continue
            parameters = {p["name"] for p in operation["parameters"] if "name" in p}
            assert set(signature(method).parameters) == parameters, name
            method(**{p: EXAMPLES[p] for p in parameters})
            ((asked, values, kind),) = asker.asked
            pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
            assert re.fullmatch(pattern, f"/api/v1{asked}"), name
            in_query = {p["name"] for p in operation["parameters"] if p.get("in") == "query"}
            assert set(values) == in_query, name
            shown = operation["responses"]["200"]["content"]["application/json"]["schema"]
            if name != "read_statistics":
                assert shown["$ref"].endswith(f"/{kind.__name__}"), name


@pytest.fixture(scope="module")
def archive(published: Tree) -> Iterator[Client]:
    with Server(create_app(published)) as server, Client(server.url) as archive:
        yield archive


def test_what_a_server_answers_comes_as_values(archive: Client) -> None:
    edition = archive.read_edition()
    assert (edition.name, edition.counts.recordings) == ("2026-11", 32)
    assert [e.name for e in archive.list_editions().editions] == ["2026-11"]
    assert archive.read_edition_named("2026-11") == edition
    recording = archive.read_recording(recording_id(1))
    assert recording.recording.title == "Le jardin d'hiver"
    artist = archive.read_artist(recording.artists[0].id)
    assert artist.recordings == [recording.recording]
    release = recording.appearances[0].release
    assert release is not None
    assert archive.read_release(release.id).tracks[0].recording == recording.recording
    rights = archive.read_rights(
        recording_id(1), territory=["DE"], date=date(2030, 1, 1), use=[Use.STREAM]
    )
    assert (rights.territories, rights.verdicts[0].on) == (["DE"], "2030-01-01")
    assert archive.read_volume(VOLUME) in list(archive.iter_volumes())
    places = archive.read_file(sha256(noise(5001, 1)).hexdigest()).places
    assert places[0].file == recording.file
    assert archive.read_statistics()["totals"]["recordings"] == 32
    assert archive.read_notices().notices == []


def test_long_answers_are_read_to_their_end(archive: Client) -> None:
    assert len(list(archive.iter_search("anna"))) == 25
    queries = ["FRX872100001", "x", recording_id(3)]
    found = list(archive.lookup_batch(queries, recordings=True))
    assert [one.query for one in found] == queries
    assert found[0].recordings == [archive.read_recording(recording_id(1)).recording]
    many = archive.lookup_batch(f"FRX8721{n:05}" for n in range(10_005))
    assert [one.query for one in many][-1] == "FRX872110004"
    files = list(archive.iter_volume_files(VOLUME))
    assert files == archive.list_volume_files(VOLUME).files
    anna = archive.read_recording(recording_id(10)).artists[0].id
    assert len(list(archive.iter_artist_recordings(anna))) == 25


def test_refusals_are_errors_that_say_why(archive: Client) -> None:
    with pytest.raises(ApiError, match="no such file") as refused:
        archive.read_file("0" * 64)
    assert refused.value.problem.status == 404
    with pytest.raises(ApiError, match="says nothing"):
        list(archive.iter_changes(0))
    with Client(archive._asker._base.removesuffix("/api/v1"), key="wrong") as stranger:
        with pytest.raises(ApiError) as unknown:
            stranger.read_edition()
        assert unknown.value.problem.status == 401


class Moody(BaseHTTPRequestHandler):
    """Answers what its path says, and the first two requests with 429."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        busy = self.path.endswith("edition") and type(self).asked < 3
        content = {
            "/api/v1/volumes": b"<html>", "/api/v1/changes": b'{"edition": 1}\n',
        }.get(self.path.partition("?")[0], b"{}")  # fmt: skip
        self.send_response(429 if busy else 404 if self.path.endswith("edition") else 200)
        self.send_header("retry-after", "7")
        cut = 9 if "cut" in self.path else 0
        self.send_header("content-length", str(len(content) + cut))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def moody() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Moody)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_busy_server_is_asked_again_when_it_says_so(moody: str) -> None:
    waits: list[float] = []
    asker = Asker(f"{moody}/api/v1", None, timeout_seconds=5, pause=waits.append)
    with pytest.raises(TransferError, match="answered 404"):
        asker.ask("/edition", {}, msgspec.Raw)
    assert waits == [7.0, 7.0]
    asker.close()


def test_what_is_no_answer_of_the_api_is_said_to_be_none(moody: str) -> None:
    with Client(moody) as archive:
        with pytest.raises(FormatError, match="no answer of this API"):
            archive.list_volumes()
        with pytest.raises(FormatError, match="no answer of this API"):
            list(archive.iter_changes(0))
        with pytest.raises(TransferError, match="broken off"):
            list(archive.iter_changes(0, cursor="cut"))
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(TransferError, match="no answer"):
        nobody.read_edition()

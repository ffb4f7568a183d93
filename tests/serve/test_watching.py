"""What a server says of itself: figures for Prometheus, and its log."""

import asyncio
import json
import logging
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from phonotheque.model.errors import UsageError
from phonotheque.serve import Figures, figures_served, tree_lines
from phonotheque.serve.connections import Connections
from phonotheque.serve.figures import AREAS, area_of
from phonotheque.serve.logs import JsonLines, TextLines, Thinned
from phonotheque.serve.watched import ACCESS, Watched
from phonotheque.storage.layout import Tree


@pytest.mark.parametrize(
    ("path", "area"),
    [("/", "pages"), ("/recording/x", "pages"), ("/api/v1/search", "search"),
     ("/rest/ping", "rest"), ("/api/v1/lookup", "lookup"), ("/api/v1/editions", "api"),
     ("/api", "api"), ("//", "pages"),
     ("/volumes/a/b", "volumes"), ("/ready", "health"), ("/evil\n{}", "pages"), ("", "pages")],
)  # fmt: skip
def test_every_address_belongs_to_one_of_a_few_areas(path: str, area: str) -> None:
    assert area_of(path) == area
    assert area in AREAS


def test_figures_of_all_processes_are_added_up(tmp_path: Path) -> None:
    figures = Figures(tmp_path / "figures", 2)
    first = figures.row(0)
    second = Figures(tmp_path / "figures", 2).row(1)  # as another process sees the file
    for row, seconds in ((first, 0.004), (second, 0.2), (second, 99.0)):
        row.begin()
        row.end("search", 200, seconds, 1000)
    second.begin()
    second.end("stream", 299, 0.1, 5)
    first.begin()
    lines = figures.render()
    assert 'phonotheque_requests_total{area="search",status="200"} 3' in lines
    assert 'phonotheque_requests_total{area="stream",status="200"} 1' in lines
    assert 'phonotheque_request_seconds_bucket{area="search",le="0.005"} 1' in lines
    assert 'phonotheque_request_seconds_bucket{area="search",le="+Inf"} 3' in lines
    assert 'phonotheque_request_seconds_count{area="search"} 3' in lines
    assert 'phonotheque_request_seconds_sum{area="search"} 99.204000' in lines
    assert 'phonotheque_sent_bytes_total{area="search"} 3000' in lines
    assert 'phonotheque_open_requests{worker="0"} 1' in lines
    figures.row(0)  # another process in the place of the first: it counts on, and begins nothing
    again = figures.render()
    assert 'phonotheque_open_requests{worker="0"} 0' in again
    assert 'phonotheque_requests_total{area="search",status="200"} 3' in again


def test_prometheus_is_told_over_http(tmp_path: Path) -> None:
    with figures_served("127.0.0.1:0", lambda: ["phonotheque_x 1"]) as url:
        with urllib.request.urlopen(url) as answer:
            assert answer.read() == b"phonotheque_x 1\n"
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(url.replace("metrics", "other"))
        with pytest.raises(UsageError, match="cannot listen there"):
            figures_served(url.split("/")[2], lambda: []).__enter__()
    with pytest.raises(UsageError, match="HOST:PORT"):
        figures_served("9399", lambda: []).__enter__()


def test_of_a_tree_it_is_told_what_is_newest_and_until_when_it_is_signed(
    published: Tree, tmp_path: Path
) -> None:
    assert "phonotheque_newest_edition_sequence 1" in tree_lines(published)
    tree = Tree(tmp_path)
    assert tree_lines(tree) == []
    tree.metadata.mkdir()
    signed = {"signed": {"expires": "2026-11-08T00:00:00Z", "version": 3}}
    (tree.metadata / "timestamp.json").write_text(json.dumps(signed))
    line = tree_lines(tree)[-1]
    assert line == "phonotheque_signatures_expire_timestamp_seconds 1794096000"


class Fake:
    """Stands for what is served."""

    publication = None
    renewals = failures = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/broken":
            raise RuntimeError("out of order")
        if scope["path"] != "/gone":
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b"abc"})


def request(watched: Watched, path: str) -> None:
    async def send(_: Any) -> None:
        return

    scope = {"type": "http", "path": path, "method": "GET", "query_string": b"q=my+secret",
             "client": ("192.0.2.7", 1), "headers": []}  # fmt: skip
    asyncio.run(watched(scope, None, send))


def test_what_is_asked_and_who_asks_stays_out_of_the_log_and_of_the_figures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    figures = Figures(tmp_path / "figures", 1)
    fake: Any = Fake()
    watched = Watched(fake, Connections(10), figures.row(0), "anonymous")
    with caplog.at_level(logging.INFO, ACCESS.name):
        request(watched, "/recording/abc")
        request(watched, "/gone")
        request(watched, "/health")
        with pytest.raises(RuntimeError):
            request(watched, "/broken")
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    assert [(line["area"], line["status"]) for line in lines] == [
        ("pages", 404), ("pages", 0), ("pages", 500)
    ]  # fmt: skip
    told = json.dumps(lines) + "".join(figures.render())
    assert not [word for word in ("secret", "192.0.2.7", "abc") if word in told]
    assert 'phonotheque_requests_total{area="pages",status="none"} 1' in told


def test_who_wants_to_know_all_is_told(caplog: pytest.LogCaptureFixture) -> None:
    fake: Any = Fake()
    with caplog.at_level(logging.INFO, ACCESS.name):
        request(Watched(fake, Connections(10), None, "full"), "/recording/a\nERROR: b")
    said = json.loads(JsonLines().format(caplog.records[0]))
    assert (said["client"], said["query"]) == ("192.0.2.7", "q=my+secret")
    assert "\n" not in TextLines().format(caplog.records[0])


def test_a_line_of_json_has_the_error_in_it() -> None:
    try:
        raise ValueError("so it is")
    except ValueError as error:
        record = logging.LogRecord("phonotheque.x", 40, "", 1, "%s failed", ("it",),
                                   (ValueError, error, error.__traceback__))  # fmt: skip
    said = json.loads(JsonLines().format(record))
    assert (said["level"], said["logger"], said["message"]) == (
        "error", "phonotheque.x", "it failed"
    )  # fmt: skip
    assert "so it is" in said["error"]
    assert said["time"].endswith("+00:00")


def test_what_strangers_bring_about_does_not_fill_the_disk() -> None:
    thinned = Thinned()

    def record(at: float, text: str = "Invalid HTTP request received.") -> logging.LogRecord:
        made = logging.LogRecord("uvicorn.error", 30, "", 1, text, (), None)
        made.created = at
        return made

    assert sum(thinned.filter(record(1000 + n / 100)) for n in range(500)) == 10
    assert thinned.filter(record(1001, "another"))
    late = record(1100)
    assert thinned.filter(late)
    assert late.getMessage().endswith("(490 like this were not written)")

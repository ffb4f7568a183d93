"""A newer edition comes while requests are answered."""

import asyncio
import gc
import http.client
import json
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from phonotheque.model.edition import Latest
from phonotheque.model.errors import PhonothequeError
from phonotheque.model.progress import Silent
from phonotheque.serve import EditionWatch, Server, Site, make_ready, open_front
from phonotheque.serve.front import Front
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.serve.conftest import VOLUME, noise, recording_id, recordings
from tests.support.editions import NOW, TinyRecording, write_tiny_edition

NEXT = "2026-12"
LARGE_BYTES = 8 << 20


def publish_next(tree: Tree, name: str = NEXT, sequence: int = 2) -> None:
    added = TinyRecording("Quite new", "Anna Lind", listens=5)
    write_tiny_edition(tree.root, [*recordings(), added], name=name, sequence=sequence)
    make_ready(tree, name, Silent())
    latest = Latest(format=1, edition=name, sequence=sequence, edition_sha256="00" * 32)
    write_document(tree.latest_json, latest)


@pytest.fixture
def front(own_tree: Tree) -> Front:
    return open_front(Site(root=str(own_tree.root)), lambda: NOW)


@pytest.fixture
def server(front: Front) -> Iterator[Server]:
    with Server(front) as server:
        yield server


def get(server: Server, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def edition_shown(server: Server) -> str:
    status, body = get(server, "/ready")
    assert status == 200, body
    name: str = json.loads(body)["edition"]
    return name


def wait_for(server: Server, name: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while edition_shown(server) != name:
        assert time.monotonic() < deadline, f"{name} is not shown"
        time.sleep(0.01)


def open_files_of(folder: Path) -> list[str]:
    mapped = Path("/proc/self/maps").read_text()
    held = [line for line in mapped.splitlines() if str(folder) in line]
    for handle in Path("/proc/self/fd").iterdir():
        try:
            target = str(handle.readlink())
        except OSError:
            continue
        if str(folder) in target:
            held.append(target)
    return held


@pytest.mark.full
def test_a_newer_edition_is_shown_without_a_request_lost_and_the_old_one_is_closed(
    own_tree: Tree, front: Front, server: Server
) -> None:
    statuses: list[int] = []
    enough = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
        while not enough.is_set():
            for path in ("/api/v1/search?q=anna", "/edition", f"/volumes/{VOLUME}/data/b.ogg"):
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                statuses.append(answer.status)
        connection.close()

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    assert edition_shown(server) == "2026-11"
    publish_next(own_tree)
    front.renew()
    wait_for(server, NEXT)
    before = len(statuses)
    while len(statuses) < before + 20:
        time.sleep(0.01)
    enough.set()
    for asker in askers:
        asker.join()
    assert set(statuses) == {200}
    assert b"Quite new" in get(server, "/api/v1/search?q=quite+new")[1]
    deadline = time.monotonic() + 10
    while held := open_files_of(own_tree.edition_index("2026-11")):
        assert time.monotonic() < deadline, held
        time.sleep(0.05)


def test_an_answer_under_way_is_finished_from_the_old_edition(
    own_tree: Tree, front: Front, server: Server
) -> None:
    large = own_tree.volume(VOLUME) / "data" / "large.bin"
    large.write_bytes(noise(1 << 16, 7) * (LARGE_BYTES >> 16))
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    connection.request("GET", f"/volumes/{VOLUME}/data/large.bin")
    answer = connection.getresponse()
    begun = answer.read(1000)
    publish_next(own_tree)
    front.renew()
    wait_for(server, NEXT)
    assert open_files_of(own_tree.edition_index("2026-11"))
    assert begun + answer.read() == large.read_bytes()
    connection.close()
    deadline = time.monotonic() + 10
    while held := open_files_of(own_tree.edition_index("2026-11")):
        assert time.monotonic() < deadline, held
        time.sleep(0.05)


def test_nothing_remembers_an_edition_that_is_closed(
    own_tree: Tree, front: Front, server: Server
) -> None:
    own_tree.archive_toml.unlink()  # not a true one: an error that is logged keeps its frames here
    for path in (f"/recording/{recording_id(1)}", f"/recording/{recording_id(1)}/rights", "/mirror",
                 "/edition", "/statistics", "/feed.atom", "/sitemap.xml", "/sitemap/artists-1.xml",
                 "/api/v1/openapi.json", "/api/v1/search?q=anna", "/api/v1/changes?since=1",
                 f"/volumes/{VOLUME}/data/b.ogg", f"/cover/{recording_id(2)}", "/notices",
                 "/rest/search3?query=&f=json", "/rest/getAlbumList?type=newest"):  # fmt: skip
        assert get(server, path)[0] == 200, path
    shown = weakref.ref(front.publication)  # type: ignore[type-var]
    index = weakref.ref(front.publication.index)  # type: ignore[union-attr]
    publish_next(own_tree)
    front.renew()
    wait_for(server, NEXT)
    deadline = time.monotonic() + 10
    while shown() or index() or open_files_of(own_tree.edition_index("2026-11")):
        assert time.monotonic() < deadline, gc.get_referrers(shown() or index())
        time.sleep(0.05)


@pytest.mark.full
def test_an_edition_that_cannot_be_read_leaves_the_old_one_in_place(
    own_tree: Tree, front: Front, server: Server
) -> None:
    publish_next(own_tree)
    (own_tree.edition(NEXT) / "edition.json").write_text("{")
    front.renew()
    deadline = time.monotonic() + 10
    while not front.failures:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert edition_shown(server) == "2026-11"
    assert get(server, "/?q=anna")[0] == 200
    publish_next(own_tree, "2027-01", 3)
    front.renew()
    wait_for(server, "2027-01")
    assert (front.renewals, front.failures) == (1, 1)


def test_looking_where_nothing_is_new_opens_nothing(front: Front, server: Server) -> None:
    shown = front.publication
    front.renew()
    assert edition_shown(server) == "2026-11"
    time.sleep(0.1)
    assert front.publication is shown
    assert front.renewals == 0


@pytest.mark.full
def test_a_server_of_one_edition_stays_with_it(own_tree: Tree) -> None:
    front = open_front(Site(root=str(own_tree.root), edition="2026-11"), lambda: NOW)
    with Server(front) as server:
        publish_next(own_tree)
        front.renew()
        time.sleep(0.1)
        assert edition_shown(server) == "2026-11"


def test_health_says_that_it_lives_and_readiness_that_the_edition_can_be_read(
    own_tree: Tree, server: Server
) -> None:
    assert get(server, "/health") == (200, b'{"status":"ok"}')
    assert json.loads(get(server, "/ready")[1]) == {
        "status": "ready", "edition": "2026-11", "sequence": 1
    }  # fmt: skip
    (own_tree.edition("2026-11") / "edition.json").unlink()
    status, body = get(server, "/ready")
    assert status == 503
    assert "cannot be read" in json.loads(body)["detail"]
    assert get(server, "/health")[0] == 200


def test_nothing_is_ready_before_the_start(front: Front) -> None:
    sent = []

    async def ask() -> None:
        async def send(message: object) -> None:
            sent.append(message)

        await front({"type": "http", "path": "/about", "method": "GET"}, None, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 503
    front._first[0][0].close()


class Told:
    """Stands for a server that is told, and for what makes editions ready."""

    def __init__(self) -> None:
        self.made = self.told = 0
        self.broken = False
        self.heard = threading.Event()

    def make(self, _: Tree) -> None:
        self.made += 1
        if self.broken:
            raise PhonothequeError("no room")

    def tell(self) -> None:
        self.told += 1
        self.heard.set()


def test_the_watch_has_what_is_new_made_ready_and_then_tells(tmp_path: Path) -> None:
    tree, told = Tree(tmp_path), Told()
    tree.latest_json.write_text("1")
    with EditionWatch(tree, told.tell, told.make, look_seconds=0.01) as watch:
        time.sleep(0.1)
        assert (told.made, told.told) == (0, 0)
        tree.latest_json.write_text("2")
        assert told.heard.wait(5)
        assert (told.made, told.told) == (1, 1)
        told.heard.clear()
        watch.look()  # as a signal asks
        assert told.heard.wait(5)
        told.broken = True
        tree.latest_json.write_text("3")
        deadline = time.monotonic() + 5
        while told.made < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (told.made, told.told) == (3, 2)

"""A true nginx in front, with the configuration that stands in `deploy/` and in docs/serving.md."""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from phonotheque.model.edition import Latest
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.conftest import REPOSITORY
from tests.serve.conftest import DENIED, VOLUME, noise, recording_id, recordings
from tests.support.editions import TinyRecording, write_tiny_edition
from tests.support.serving import ServedTree

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed: NOT tried"),
]
FILE = f"/volumes/{VOLUME}/data/b.ogg"
HARD = f"/volumes/{VOLUME}/data/Jardin%20d%27hiver%20%C3%A9t%C3%A9%20100%25.ogg"
CONTENT = noise(5002, 2)
_WHOLE = """daemon off; pid {folder}/pid; error_log {folder}/errors; {user}
events {{ worker_connections 128; }}
http {{ access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
{servers} }}
"""
Answer = tuple[int, dict[str, str], bytes]
Ask = Callable[..., Answer]


def handing_over(root: Path, behind: int) -> str:
    text = (REPOSITORY / "deploy" / "nginx.conf").read_text()
    return text.replace("127.0.0.1:8000", f"127.0.0.1:{behind}").replace(
        "/srv/archive/", f"{root}/"
    )


def passing_on(root: Path, behind: int) -> str:
    del root
    page = (REPOSITORY / "docs" / "serving.md").read_text()
    (text,) = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
    return str(text).replace("127.0.0.1:8000", f"127.0.0.1:{behind}")


@contextmanager
def nginx(folder: Path, servers: str) -> Iterator[Ask]:
    """nginx with these server blocks, on a port of its own and without TLS; how to ask it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    user = "user root;" if os.getuid() == 0 else ""
    plain = servers.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    written = folder / "nginx.conf"
    written.write_text(_WHOLE.format(folder=folder, user=user, servers=plain))
    process = subprocess.Popen(["nginx", "-c", str(written)])

    def ask(path: str, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET", path, headers={"host": "music.example", **named})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    try:
        deadline = time.monotonic() + 20
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield ask
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def tree(own_tree: Tree) -> Tree:
    own_tree.archive_toml.unlink()
    shutil.rmtree(own_tree.online_keys)
    return own_tree


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def check_files(ask: Ask) -> None:
    status, fields, body = ask(FILE)
    assert (status, body) == (200, CONTENT)
    assert fields["etag"] == f'"{sha256(CONTENT).hexdigest()}"'
    assert fields["content-type"] == "audio/ogg"
    assert fields["accept-ranges"] == "bytes"
    assert fields["tdm-reservation"] == "1"
    assert fields["access-control-allow-origin"] == "*"
    assert "default-src 'none'" in fields["content-security-policy"]
    assert "x-accel-redirect" not in fields
    status, fields, body = ask(FILE, range="bytes=10-29")
    assert (status, body) == (206, CONTENT[10:30])
    assert fields["content-range"] == "bytes 10-29/5002"
    assert ask(FILE, range="bytes=-7")[2] == CONTENT[-7:]
    assert ask(FILE, range="bytes=9999-")[0] == 416
    status, fields, body = ask(FILE, range="bytes=0-1,20-22")
    assert status == 206
    assert fields["content-type"].startswith("multipart/byteranges")
    etag = f'"{sha256(CONTENT).hexdigest()}"'
    assert ask(FILE, if_none_match=etag)[0] == 304
    assert ask(FILE, range="bytes=3-5", if_range=etag)[::2] == (206, CONTENT[3:6])
    assert ask(FILE, range="bytes=3-5", if_range='"other"')[::2] == (200, CONTENT)
    assert ask(HARD)[2] == noise(5001, 1)
    assert ask(f"/stream/{recording_id(1)}")[2] == noise(5001, 1)
    assert ask(f"/volumes/{VOLUME}/.pad/9")[2] == bytes(9)


def check_refusals(ask: Ask) -> None:
    assert ask(f"/stream/{recording_id(DENIED)}")[0] == 403
    for path in ("/archive.toml", "/inside/archive.toml", f"/inside{FILE}",
                 "/volumes/../sources/a.txt", "/volumes/%2e%2e/sources/a.txt",
                 "/inside/../sources/a.txt", f"/volumes/{VOLUME}/.hidden"):  # fmt: skip
        assert ask(path)[0] in (400, 404), path


def check_pages(ask: Ask) -> None:
    status, fields, _ = ask("/?q=anna", accept_encoding="gzip")
    assert (status, fields["content-encoding"]) == (200, "gzip")
    assert ask("/api/v1/search?q=anna")[0] == 200
    assert "http://music.example/sitemap/1.xml" in ask("/sitemap.xml")[2].decode()
    assert ask("/api/v1/changes?since=1", accept="application/x-ndjson")[0] == 200


@pytest.mark.parametrize(
    ("written", "options"),
    [(handing_over, ["--hand-over", "x-accel-redirect:/inside"]), (passing_on, [])],
    ids=["hands-over", "passes-on"],
)
def test_through_nginx_everything_is_as_without_it(
    tree: Tree, tmp_path: Path, stack: ExitStack, written: Callable[[Path, int], str],
    options: list[str],
) -> None:  # fmt: skip
    served = stack.enter_context(ServedTree(tree, tmp_path, *options))
    ask = stack.enter_context(nginx(tmp_path, written(tree.root.resolve(), served.port)))
    check_files(ask)
    check_refusals(ask)
    check_pages(ask)
    added = TinyRecording("Quite new", "Anna Lind", listens=5,
                          file=("tiny-tier2-00003", "data/new.ogg", noise(3000, 9)))  # fmt: skip
    write_tiny_edition(tree.root, [*recordings(), added], name="2026-12", sequence=2)
    latest = Latest(format=1, edition="2026-12", sequence=2, edition_sha256="00" * 32)
    write_document(tree.latest_json, latest)
    served.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 60
    while b"2026-12" not in ask("/ready")[2]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    check_files(ask)
    check_refusals(ask)
    assert ask("/volumes/tiny-tier2-00003/data/new.ogg")[2] == noise(3000, 9)
    assert ask(f"/stream/{recording_id(33)}")[2] == noise(3000, 9)

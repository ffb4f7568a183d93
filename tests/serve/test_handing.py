"""Files handed over to the web server in front: only what may leave, by its right name."""

from collections.abc import Iterator

import pytest
from litestar.testing import TestClient

from phonotheque.model.errors import UsageError
from phonotheque.serve.app import make_app, open_publication
from phonotheque.serve.handing import Handing, parse_handing
from phonotheque.storage.layout import Tree
from tests.serve.conftest import DENIED, VOLUME, noise, recording_id

FILE = f"/volumes/{VOLUME}/data/Jardin d'hiver été 100%.ogg"
INSIDE = f"/inside/volumes/{VOLUME}/data/Jardin%20d%27hiver%20%C3%A9t%C3%A9%20100%25.ogg"


@pytest.fixture(scope="module")
def client(published: Tree) -> Iterator[TestClient]:
    handing = parse_handing("X-Accel-Redirect:/inside/")
    with TestClient(make_app(open_publication(published, None, handing))) as client:
        yield client


def test_a_file_is_named_and_not_sent(client: TestClient) -> None:
    for address in (FILE, f"/stream/{recording_id(1)}"):
        answer = client.get(address, headers={"range": "bytes=0-9"})
        assert answer.status_code == 200
        assert answer.headers["x-accel-redirect"] == INSIDE
        assert answer.headers["content-type"] == "audio/ogg"
        assert answer.headers["tdm-reservation"] == "0"
        assert answer.content == b""


def test_what_may_not_leave_is_not_named(client: TestClient) -> None:
    refused = client.get(f"/stream/{recording_id(DENIED)}")
    assert refused.status_code == 403
    assert "x-accel-redirect" not in refused.headers
    assert client.get("/volumes/../archive.toml").status_code == 404


def test_what_is_no_file_or_needs_our_digest_is_answered_here(client: TestClient) -> None:
    assert client.get(f"/volumes/{VOLUME}/.pad/7").content == bytes(7)
    etag = client.get(FILE).headers["etag"]
    assert client.get(FILE, headers={"if-none-match": etag}).status_code == 304
    asked = {"range": "bytes=3-5", "if-range": etag}
    answer = client.get(FILE, headers=asked)
    assert (answer.status_code, answer.content) == (206, noise(5001, 1)[3:6])


def test_ways_to_hand_over_are_parsed(published: Tree) -> None:
    assert parse_handing("") is None
    place = published.volume(VOLUME).resolve() / "data" / "b.ogg"
    assert Handing("x-sendfile").name(published, place) == ("x-sendfile", str(place))
    assert parse_handing("x-sendfile") == Handing("x-sendfile")
    assert parse_handing("x-accel-redirect:/a") == Handing("x-accel-redirect", "/a")
    for wrong in ("x-accel-redirect", "x-accel-redirect:/", "x-sendfile:/a", "sendfile"):
        with pytest.raises(UsageError, match="names no way"):
            parse_handing(wrong)

"""The pages: what they show, and that nothing in the data can break out of them."""

import re
from html.parser import HTMLParser

import pytest
from litestar.testing import TestClient

from phonotheque.serve import Players, create_app
from phonotheque.serve.rendering import (
    format_duration,
    format_share,
    format_size,
)
from phonotheque.storage.layout import Tree
from tests.serve.conftest import VOLUME, WITHDRAWN, recording_id
from tests.support.editions import TinyRecording, write_tiny_edition

PAGES = ["/", "/?q=anna", "/?q=nothing+at+all", "/edition", "/about", "/nowhere", "/statistics",
         "/notices/new", f"/recording/{recording_id(1)}/rights",
         "/mirror", "/mirror?disk=0.0000001",
         f"/recording/{recording_id(1)}", f"/recording/{recording_id(3)}",
         f"/recording/{recording_id(WITHDRAWN)}"]  # fmt: skip
HTML = {"accept": "text/html"}


class Reader(HTMLParser):
    """Collects tags; checks that they close in order."""

    VOID = frozenset({"meta", "link", "input", "br", "path", "img", "line", "circle", "polyline"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_whole_and_needs_nothing_from_elsewhere(client: TestClient, address: str) -> None:
    answer = client.get(address, headers=HTML)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = read(answer.text)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("h1") == 1
    assert tags.count("main") == 1
    assert "style" not in tags
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        if tag in ("script", "link", "img", "audio"):
            source = attributes.get("src") or attributes.get("href")
            ours = ("/static/", "/stream/", "/feed.atom", "/cover/")
            assert source is None or source.startswith(ours)
        if tag == "script" and attributes.get("type") != "application/ld+json":
            assert attributes["src"]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("address", PAGES)
def test_every_control_has_a_name_and_every_id_is_unique(client: TestClient, address: str) -> None:
    page = read(client.get(address, headers=HTML).text)
    labelled = {a.get("for") for tag, a in page.tags if tag == "label"}
    for tag, attributes in page.tags:
        if tag == "input":
            assert attributes.get("aria-label") or attributes.get("id") in labelled
        if tag == "button" and attributes.get("type") == "button":
            assert attributes.get("aria-label")
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert page.tags[0][1]["lang"] == "en"


def test_addresses_of_a_page_lead_somewhere(client: TestClient) -> None:
    seen: set[str] = set()
    waiting = ["/", "/edition", "/?q=anna", f"/recording/{recording_id(1)}"]
    while waiting:
        address = waiting.pop().partition("#")[0]
        if address in seen or not address.startswith("/"):
            continue
        seen.add(address)
        answer = client.get(address, headers=HTML)
        assert answer.status_code == 200, address
        if answer.headers["content-type"].startswith("text/html"):
            links = [a["href"] for tag, a in read(answer.text).tags if tag == "a"]
            waiting += [link for link in links if link and f"{VOLUME[:4]}-tier2" not in link]
    assert any(a.startswith("/release/") for a in seen)
    assert any(a.startswith("/artist/") for a in seen)
    assert any(a.startswith("/torrents/") for a in seen)
    assert any("cursor=" in a for a in seen)


def test_a_search_shows_hits_with_play_buttons(client: TestClient) -> None:
    page = client.get("/?q=jardin").text
    assert f'href="/recording/{recording_id(1)}"' in page
    assert "Play Le jardin d&#39;hiver by Zaz à la plage" in page


def test_names_cannot_break_out_of_the_page(client: TestClient) -> None:
    page = client.get(f"/recording/{recording_id(3)}").text
    assert "<b>أغنية" not in page
    assert "&lt;b&gt;أغنية&lt;/b&gt; &amp; &#34;البحر&#34;" in page
    found = client.get("/", params={"q": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in found


def test_names_of_any_direction_are_set_apart(client: TestClient) -> None:
    page = read(client.get(f"/recording/{recording_id(3)}").text)
    (heading,) = [a for tag, a in page.tags if tag == "h1"]
    assert heading["dir"] == "auto"


def test_a_recordings_page_shows_licence_credit_rules_and_torrent(client: TestClient) -> None:
    page = client.get(f"/recording/{recording_id(1)}").text
    for expected in ("CC-BY-4.0", "Le jardin d&#39;hiver by Zaz à la plage", "test.rule",
                     "made for a test", "rights.toml", f"/torrents/{VOLUME}.torrent",
                     "magnet:?xt=urn:btih:", "FR-X87-21-00001", "900"):  # fmt: skip
        assert expected in page


def test_an_isrc_leads_straight_to_its_recording(client: TestClient) -> None:
    answer = client.get("/?q=FRX872100001")
    assert answer.status_code == 302
    assert answer.headers["location"] == f"/recording/{recording_id(1)}"


def test_an_id_typed_otherwise_leads_to_the_one_address(client: TestClient) -> None:
    answer = client.get(f"/recording/{recording_id(1).upper()}")
    assert answer.status_code == 308
    assert answer.headers["location"] == f"/recording/{recording_id(1)}"


def test_the_edition_page_says_how_to_mirror_it(client: TestClient) -> None:
    page = client.get("/edition").text
    assert "phonotheque plan my-mirror --origin http://testserver.local --disk" in page


def test_behind_a_proxy_the_public_address_is_shown(published: Tree) -> None:
    with TestClient(create_app(published, public_url="https://music.example/")) as behind:
        assert "--origin https://music.example --disk" in behind.get("/edition").text


def test_an_error_is_a_page_for_people_and_a_problem_for_programs(client: TestClient) -> None:
    person = client.get("/recording/nonsense", headers=HTML)
    assert person.status_code == 404
    assert person.headers["content-type"].startswith("text/html")
    program = client.get("/recording/nonsense", headers={"accept": "application/json"})
    assert program.headers["content-type"] == "application/problem+json"


def test_static_files_are_kept_for_ever_under_an_address_with_their_digest(
    client: TestClient,
) -> None:
    for address in re.findall(r'"(/static/[^"]+)"', client.get("/").text):
        answer = client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/app.py").status_code == 404


def test_mining_of_our_own_data_is_not_reserved(client: TestClient) -> None:
    told = client.get("/.well-known/tdmrep.json").json()
    assert told[-1] == {"location": "/", "tdm-reservation": 0}


def test_head_of_a_page_is_answered(client: TestClient) -> None:
    assert client.head("/").status_code == 200
    assert client.head("/about").content == b""


@pytest.mark.parametrize("anonymous", [True, False])
@pytest.mark.parametrize("tokens", [True, False])
def test_the_about_page_says_how_to_connect_a_player(
    published: Tree, *, anonymous: bool, tokens: bool
) -> None:
    players = Players(anonymous=anonymous, tokens=tokens)
    app = create_app(published, players=players, public_url="https://music.example/")
    with TestClient(app) as client:
        text = client.get("/about").text
        assert '<span class="code">https://music.example</span>' in text
        assert ('<span class="code">guest</span>' in text) == anonymous
        assert ("Players want an account here" in text) != anonymous
        assert ("want the token password" in text) == tokens
        listed = client.get("/rest/getArtists?u=guest&p=any&f=json").json()["subsonic-response"]
        assert (listed["status"] == "ok") == anonymous  # as the page says


@pytest.mark.full
def test_a_long_name_has_a_smaller_heading(own_tree: Tree) -> None:
    title = "How long can a name be that has no end in sight? " * 3
    write_tiny_edition(own_tree.root, [TinyRecording(title)], name="long", sequence=2)
    with TestClient(create_app(own_tree, edition="long")) as client:
        text = client.get(f"/recording/{recording_id(1)}").text
        assert '<h1 dir="auto" class="long">How long' in text


def test_figures_are_written_as_people_read_them() -> None:
    assert format_duration(187_400) == "3:07"
    assert format_duration(3_765_000) == "1:02:45"
    assert format_duration(None) == ""
    assert format_size(999) == "999 bytes"
    assert format_size(3_210_000) == "3.21 MB"
    assert format_size(999_999) == "1 MB"
    assert format_share(1, 3) == "33.3 %"
    assert format_share(0, 0) == ""

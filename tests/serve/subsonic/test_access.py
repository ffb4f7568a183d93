"""Who is let in by what, in which form answers come, and what may be heard where."""

import xml.etree.ElementTree as ElementTree
from hashlib import md5
from typing import Any

import pytest
from litestar.testing import TestClient

from phonotheque.accounts import ACCOUNTS_FILE, Accounts, make_key
from phonotheque.serve import Players
from phonotheque.serve.subsonic.envelope import Text, failed, ok, render
from phonotheque.storage.layout import Tree
from tests.serve.subsonic.conftest import NOW, WORDS, Caller, caller, key_of, opened

NAMESPACE = "{http://subsonic.org/restapi}"


def code_of(answer: Any) -> int:
    document = answer.json()["subsonic-response"]
    return document["error"]["code"] if document["status"] == "failed" else 0


def shown(**parameters: str) -> dict[str, str]:
    return {"f": "json", "c": "test", "v": "1.16.1", **parameters}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, 0), ({"u": "guest", "p": "whatever"}, 0), ({"u": "guest", "t": "x", "s": "y"}, 0),
        ({"apiKey": "KEY"}, 0), ({"u": "lea", "p": "KEY"}, 0),  # a key in the place of a password
        ({"apiKey": "KEY", "u": "lea"}, 43), ({"apiKey": "KEY", "p": WORDS}, 43),
        ({"u": "lea", "p": WORDS, "t": "x", "s": "y"}, 43), ({"u": "jo", "p": "KEY"}, 40),
        ({"apiKey": "wrong"}, 44), ({"apiKey": make_key()}, 44), ({"apiKey": ""}, 44),
        ({"u": "lea", "p": WORDS}, 42), ({"u": "lea", "t": "x", "s": "y"}, 41),
        ({"u": "lea", "t": "x"}, 10), ({"u": "lea"}, 10),
    ],
)  # fmt: skip
def test_by_default_keys_are_taken_and_reading_wants_none(
    player: TestClient, shelved: Tree, given: dict[str, str], code: int
) -> None:
    given = {k: key_of(shelved, "lea") if v == "KEY" else v for k, v in given.items()}
    assert code_of(player.get("/rest/ping", params=shown(**given))) == code


def test_passwords_and_tokens_are_taken_where_the_operator_takes_them(own_shelf: Tree) -> None:
    with Accounts(own_shelf.state / ACCOUNTS_FILE) as found:
        secret = found.make_token_password("lea", NOW, "test")
    hexed = "enc:" + WORDS.encode().hex()
    # the example of the protocol's own documentation
    assert md5(b"sesamec19b2d").hexdigest() == "26719a1196d2a940705a59634eb18eab"
    token = md5(f"{secret}c19b2d".encode()).hexdigest()
    wrong = md5(f"{WORDS}c19b2d".encode()).hexdigest()
    players = Players(anonymous=False, passwords=True, tokens=True)
    with opened(own_shelf, players) as client:
        for given, code in (
            ({}, 10), ({"u": "guest", "p": "x"}, 40), ({"u": "lea", "p": WORDS}, 0),
            ({"u": "lea", "p": hexed}, 0), ({"u": "lea", "p": "enc:zz"}, 40),
            ({"u": "lea", "p": secret}, 0), ({"u": "lea", "t": token, "s": "c19b2d"}, 0),
            ({"u": "lea", "t": wrong, "s": "c19b2d"}, 40), ({"u": "op", "t": token, "s": ""}, 40),
            ({"u": "max", "p": WORDS}, 40), ({"u": "op", "p": secret}, 40),
            ({"apiKey": key_of(own_shelf, "lea")}, 0),
        ):  # fmt: skip
            assert code_of(client.get("/rest/ping.view", params=shown(**given))) == code, given
        assert code_of(client.get("/rest/getOpenSubsonicExtensions", params=shown())) == 0
        with Accounts(own_shelf.state / ACCOUNTS_FILE) as found:
            found.disable("lea", NOW, "test")
        given = shown(u="lea", t=token, s="c19b2d")
        assert code_of(client.get("/rest/ping", params=given)) == 40


def test_a_key_says_whose_it_is(lea: Caller, call: Caller, member: str) -> None:
    assert lea("tokenInfo") == {"username": member} and call("tokenInfo") == 50
    assert lea("getUser", username=member)["playlistRole"] is True
    assert lea("getUser", username="op") == 70


def test_parameters_may_be_posted_as_a_form(player: TestClient) -> None:
    answer = player.post("/rest/search3.view?f=json", data={"query": "été", "songCount": "1"})
    (song,) = answer.json()["subsonic-response"]["searchResult3"]["song"]
    assert song["title"] == "L'été"
    large = player.post("/rest/ping?f=json", data={"x": "y" * (5 << 20)})
    assert large.status_code == 413
    many = player.post("/rest/ping?f=json", content="a=b&" * 30_000,
                       headers={"content-type": "application/x-www-form-urlencoded"})  # fmt: skip
    assert code_of(player.get("/rest/ping?f=json")) == 0 and many.status_code == 200
    assert b"more than 25000 parameters" in many.content
    assert player.put("/rest/ping").status_code == 405


def test_answers_come_as_xml_json_and_jsonp(player: TestClient) -> None:
    plain = player.get("/rest/getAlbumList2", params={"type": "alphabeticalByName"})
    assert plain.headers["content-type"] == "application/xml; charset=utf-8"
    root = ElementTree.fromstring(plain.content)
    assert root.tag == f"{NAMESPACE}subsonic-response" and root.get("openSubsonic") == "true"
    albums = root.findall(f"{NAMESPACE}albumList2/{NAMESPACE}album")
    assert [album.get("name") for album in albums] == ["Blue Hours", "Café", "Kept", "موج", "都市"]
    genres = ElementTree.fromstring(player.get("/rest/getGenres").content)
    (jazz,) = (g for g in genres.iter(f"{NAMESPACE}genre") if g.text == "Jazz")
    assert jazz.get("songCount") == "3"
    wrapped = player.get("/rest/ping?f=jsonp&callback=a.b")
    assert wrapped.text.startswith('/**/a.b({"subsonic-response"') and wrapped.text.endswith(");")
    bad = player.get("/rest/ping", params={"f": "jsonp", "callback": "alert(1)//"})
    assert bad.headers["content-type"] == "application/json" and "alert" not in bad.text
    assert plain.headers["access-control-allow-origin"] == "*"
    assert player.get("/rest/hls").status_code == 410
    assert player.get("/rest/createShare").status_code == 501
    assert player.get("/rest/x").status_code == 404


def test_what_xml_cannot_write_is_replaced_and_what_it_must_escape_is_escaped() -> None:
    made = render(ok("a", {"b": 'x"<&>\x00\ud800', "c": Text("<t>"), "d": [1, True, None]}), "xml")
    root = ElementTree.fromstring(made.content)
    (found,) = root
    assert found.get("b") == 'x"<&>\ufffd\ufffd' and found[0].text == "<t>"
    assert [one.text for one in found[1:]] == ["1", "true", "None"]
    error = ElementTree.fromstring(render(failed(70, "<no>", "http://x/?a&b"), "").content)
    assert error.get("status") == "failed" and error[0].get("helpUrl") == "http://x/?a&b"


def test_streaming_and_downloading_are_asked_of_the_rights_each(
    player: TestClient, call: Caller
) -> None:
    titles = {s["title"]: s["id"] for s in call("search3", query="", songCount=99)["song"]}
    assert "Denied" not in titles
    heard = player.get("/rest/stream", params={"id": titles["Only heard"]})
    assert heard.status_code == 200 and heard.content[:4] == b"RIFF"
    assert call("download", id=titles["Only heard"]) == 50
    whole = player.get("/rest/download", params={"id": titles["L'été"]})
    assert whole.headers["content-disposition"] == "attachment; filename*=UTF-8''b.wav"
    assert whole.headers["cache-control"] == "private, no-cache"


def test_the_rights_of_an_account_s_country_hold_for_it(
    shelved: Tree, player: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def verdicts(_: Any, row: Any, *, territories: Any, on: Any, uses: Any) -> Any:
        asked.append((row.title, territories, on.isoformat(), [use.value for use in uses]))

        class Answer:
            verdicts = (type("Verdict", (), {"allowed": row.title != "L'été"})(),)

        return Answer()

    monkeypatch.setattr("phonotheque.serve.subsonic.audio.rights_answer", verdicts)
    jo = caller(player, apiKey=key_of(shelved, "jo"))
    (song,) = jo("search3", query="été")["song"]
    assert jo("stream", id=song["id"]) == 50 and jo("download", id=song["id"]) == 50
    assert asked == [("L'été", ["JP"], "2026-11-23", ["STREAM"]),
                     ("L'été", ["JP"], "2026-11-23", ["DISTRIBUTE"])]  # fmt: skip
    lea = {"id": song["id"], "apiKey": key_of(shelved, "lea")}
    assert player.get("/rest/stream", params=lea).status_code == 200 and len(asked) == 2


def test_the_verdict_for_a_country_is_really_made(shelved: Tree, player: TestClient) -> None:
    key = key_of(shelved, "jo")
    jo = caller(player, apiKey=key)
    (song,) = jo("search3", query="été")["song"]
    answer = player.get("/rest/stream", params={"id": song["id"], "apiKey": key})
    assert answer.status_code == 200 and answer.content[:4] == b"RIFF"  # CC BY holds everywhere

"""What answers say to machines about mining and training, read back by our own parsers."""

from urllib.parse import quote

import msgspec
import pytest
from litestar.testing import TestClient

from phonotheque.rights.signals.embedded import header_tdm, header_usage
from phonotheque.rights.signals.stance import Stance
from phonotheque.rights.signals.tdmrep import tdmrep_file
from phonotheque.serve import create_app
from phonotheque.storage.layout import Tree
from tests.serve.conftest import DENIED, OTHER_VOLUME, VOLUME, WITHOUT_AUDIO, recording_id

RESERVED, OPEN = Stance.RESERVED, Stance.OPEN
NAME = quote("Jardin d'hiver été 100%.ogg")
FREE = f"/volumes/{VOLUME}/data/{NAME}"


def stances(client: TestClient, path: str) -> tuple[Stance, Stance]:
    """By TDMRep and by the IETF's header, as our own reader takes them."""
    fields = list(client.get(path).headers.items())
    assert sum(name == "tdm-reservation" for name, _ in fields) == 1
    return header_tdm(fields).stance, header_usage(fields).stance


@pytest.mark.parametrize(
    ("number", "file", "expected"),
    [
        (1, FREE, OPEN),
        (2, f"/volumes/{VOLUME}/data/b.ogg", RESERVED),
        (3, f"/volumes/{VOLUME}/data/c.ogg", RESERVED),
        (7, f"/volumes/{OTHER_VOLUME}/data/e.ogg", RESERVED),  # the edition says nothing of it
    ],
)
def test_audio_its_page_and_its_answer_say_the_verdict(
    client: TestClient, number: int, file: str, expected: Stance
) -> None:
    public_id = recording_id(number)
    for path in (file, f"/stream/{public_id}", f"/recording/{public_id}",
                 f"/api/v1/recordings/{public_id}"):  # fmt: skip
        assert stances(client, path) == (expected, expected), path


def test_a_part_of_a_file_says_it_too(client: TestClient) -> None:
    answer = client.get(FREE, headers={"range": "bytes=0-9"})
    assert (answer.status_code, answer.headers["tdm-reservation"]) == (206, "0")


def test_conditions_are_told_by_the_policy(client: TestClient) -> None:
    answer = client.get(f"/stream/{recording_id(2)}")
    place = answer.headers["tdm-policy"]
    assert place == "http://testserver.local/tdm-policy.json"
    policy = msgspec.json.decode(client.get("/tdm-policy.json").content)
    assert (policy["uid"], policy["@type"]) == (place, "Offer")
    assert {p["action"] for p in policy["permission"]} == {"tdm:mine"}
    rights = client.get(f"/api/v1/recordings/{recording_id(2)}").json()["file"]["rights"]
    assert (rights["ai_train"], rights["ai_train_conditions"]) == ("ALLOW_IF", ["credit"])
    assert "tdm-policy" not in client.get(f"/stream/{recording_id(3)}").headers


def test_the_policy_stands_at_the_address_readers_use(published: Tree) -> None:
    with TestClient(create_app(published, public_url="https://music.example/")) as client:
        place = client.get(f"/stream/{recording_id(2)}").headers["tdm-policy"]
    assert place == "https://music.example/tdm-policy.json"


@pytest.mark.parametrize(
    "path", ["/", "/about", "/api/v1/edition", "/editions/2026-11/edition.json", "/latest.json",
             f"/recording/{recording_id(WITHOUT_AUDIO)}"],
)  # fmt: skip
def test_facts_of_our_own_are_not_reserved(client: TestClient, path: str) -> None:
    assert stances(client, path) == (OPEN, OPEN)


@pytest.mark.parametrize(
    "path", [f"/stream/{recording_id(DENIED)}", f"/torrents/{VOLUME}.torrent",
             f"/volumes/{VOLUME}/bagit.txt"],
)  # fmt: skip
def test_what_leads_to_audio_is_reserved_where_no_verdict_is_at_hand(
    client: TestClient, path: str
) -> None:
    assert stances(client, path) == (RESERVED, RESERVED)


def test_an_answer_not_sent_again_takes_nothing_back(client: TestClient) -> None:
    path = f"/recording/{recording_id(1)}"
    etag = client.get(path).headers["etag"]
    again = client.get(path, headers={"if-none-match": etag})
    assert again.status_code == 304 and "tdm-reservation" not in again.headers


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/stream/r1", RESERVED), ("/volumes/v/data/a.ogg", RESERVED),
     ("/torrents/v.torrent", RESERVED),
     ("/recording/r1", RESERVED), ("/api/v1/recordings/r1", RESERVED), ("/api/v1/edition", OPEN),
     ("/editions/x/edition.json", OPEN), ("/", OPEN)],
)  # fmt: skip
def test_the_file_of_the_site_speaks_of_streams_and_volumes(
    client: TestClient, path: str, expected: Stance
) -> None:
    content = client.get("/.well-known/tdmrep.json").content
    assert tdmrep_file(content, path).stance is expected

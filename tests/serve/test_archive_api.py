"""What the API says of the archive as such: editions, changes, volumes, files, rights."""

import io
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from litestar.testing import TestClient

from phonotheque.model import tables
from phonotheque.model.archive_answers import RightsOfAnswer
from phonotheque.model.edition import Revocations, RevokedFile
from phonotheque.model.numbers import Kind, format_public_id
from phonotheque.serve import create_app
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import write_table
from tests.serve.conftest import KEY, VOLUME, WITHOUT_AUDIO, noise, recording_id
from tests.support.editions import NOW, TinyRecording, write_tiny_edition

NDJSON = {"accept": "application/x-ndjson"}
ARROW = {"accept": "application/vnd.apache.arrow.stream"}
FIRST = [("r", n, "added") for n in range(1, 7)] + [("a", 1, "added")]
SECOND = [("r", 1, "changed"), ("r", 2, "merged"), ("r", 3, "gone"), ("d", 1, "changed")]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server over the second of two editions; of a third there is no word yet."""
    tree = Tree(tmp_path_factory.mktemp("followed") / "archive")
    recordings = [TinyRecording(f"Song {n}") for n in range(6)]
    for sequence, changes in enumerate((FIRST, SECOND, []), 1):
        name = f"2026-{sequence:02}"
        write_tiny_edition(tree.root, recordings, name=name, sequence=sequence)
        rows = [{"kind": k, "number": n, "change": c} for k, n, c in changes]
        table = pa.Table.from_pylist(rows, schema=tables.CHANGES)
        write_table(
            tree.edition(name) / "changes/changes.parquet", tables.CHANGES, [table],
            row_group_rows=3,
        )  # fmt: skip
    with TestClient(create_app(tree, edition="2026-02")) as client:
        yield client


def lines(content: bytes) -> list[Any]:
    return [msgspec.json.decode(line) for line in content.splitlines()]


def all_pages(client: TestClient, address: str, key: str, **asked: Any) -> list[Any]:
    rows: list[Any] = []
    for _ in range(50):
        page = client.get(address, params=asked).json()
        rows += page[key]
        if page["next_cursor"] is None:
            return rows
        assert len(page[key]) == asked["limit"]
        asked["cursor"] = page["next_cursor"]
    raise AssertionError("no last page")


def test_editions_are_listed_newest_first_and_read_one_by_one(followed: TestClient) -> None:
    listed = all_pages(followed, "/api/v1/editions", "editions", limit=1)
    assert [(e["name"], e["sequence"], e["served"]) for e in listed] == [
        ("2026-02", 2, True), ("2026-01", 1, False),
    ]  # fmt: skip
    assert followed.get(listed[1]["url"]).json()["name"] == "2026-01"
    one = followed.get("/api/v1/editions/2026-01").json()
    assert (one["name"], one["counts"]["recordings"], one["tiers"]) == ("2026-01", 6, [])
    assert followed.get("/api/v1/editions/2026-03").status_code == 404
    served = followed.get("/api/v1/editions/2026-02").json()
    assert served == followed.get("/api/v1/edition").json()


@pytest.mark.parametrize("since", [0, 1, 2, 9])
@pytest.mark.parametrize("limit", [1, 3, 4, 100])
def test_changes_come_edition_by_edition_in_pages(
    followed: TestClient, since: int, limit: int
) -> None:
    rows = all_pages(followed, "/api/v1/changes", "changes", since=since, limit=limit)
    wanted = [(n, *row) for n, rows in ((1, FIRST), (2, SECOND)) if n > since for row in rows]
    assert [(r["sequence"], r["kind"], r["id"], r["change"]) for r in rows] == [
        (n, kind, format_public_id(number, KEY, Kind(kind)), change)
        for n, kind, number, change in wanted
    ]


def test_changes_stream_as_lines_and_as_arrow(followed: TestClient) -> None:
    rows = all_pages(followed, "/api/v1/changes", "changes", since=0, limit=100)
    told = followed.get("/api/v1/changes?since=0", headers=NDJSON)
    assert told.headers["content-type"] == "application/x-ndjson"
    assert lines(told.content) == rows
    arrow = followed.get("/api/v1/changes?since=0", headers=ARROW)
    assert pa.ipc.open_stream(io.BytesIO(arrow.content)).read_all().to_pylist() == rows
    page = followed.get("/api/v1/changes?since=0&limit=5").json()
    rest = followed.get(
        "/api/v1/changes", params={"since": 0, "cursor": page["next_cursor"]}, headers=NDJSON
    )
    assert page["changes"] + lines(rest.content) == rows
    assert followed.get("/api/v1/changes?since=2", headers=NDJSON).content == b""
    empty = followed.get("/api/v1/changes?since=2", headers=ARROW).content
    assert pa.ipc.open_stream(io.BytesIO(empty)).read_all().num_rows == 0


def test_each_form_of_an_answer_has_an_etag_of_its_own(followed: TestClient) -> None:
    address = "/api/v1/changes?since=0"
    tags = {}
    for accept in ("application/json", *NDJSON.values(), *ARROW.values()):
        answer = followed.get(address, headers={"accept": accept})
        assert "accept" in answer.headers["vary"].split(", ")
        tags[accept] = answer.headers["etag"]
    assert len(set(tags.values())) == 3
    for accept, tag in tags.items():
        for other in tags:
            again = followed.get(address, headers={"accept": other, "if-none-match": tag})
            assert again.status_code == (304 if other == accept else 200)


def test_what_was_merged_is_told_with_what_stands_for_it(followed: TestClient) -> None:
    merged = followed.get("/api/v1/changes?since=1").json()["changes"][1]
    assert (merged["change"], merged["successor"]) == ("merged", recording_id(2))


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/v1/changes", 400),
        ("/api/v1/changes?since=-1", 400),
        ("/api/v1/changes?since=x", 400),
        ("/api/v1/changes?since=0&cursor=x", 400),
        ("/api/v1/changes?since=1&cursor=1-0", 400),
        ("/api/v1/changes?since=0&limit=1001", 400),
        ("/api/v1/editions?cursor=-1", 400),
        ("/api/v1/editions/..", 404),
        ("/api/v1/volumes/nothing", 404),
        ("/api/v1/volumes/nothing/files", 404),
        (f"/api/v1/volumes/{VOLUME}/files?cursor=x", 400),
        ("/api/v1/files/abc", 400),
        (f"/api/v1/files/{'0' * 64}", 404),
        (f"/api/v1/recordings/{recording_id(1)}/rights?territory=Germany", 400),
        (f"/api/v1/recordings/{recording_id(1)}/rights?use=EAT", 400),
        (f"/api/v1/recordings/{recording_id(1)}/rights?date=yesterday", 400),
        (f"/api/v1/recordings/{recording_id(999)}/rights", 404),
    ],
)
def test_what_is_not_there_or_makes_no_sense_is_a_problem(
    client: TestClient, address: str, status: int
) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_edition_that_is_missing_in_between_is_said(
    followed: TestClient, own_tree: Tree
) -> None:
    with TestClient(create_app(own_tree)) as alone:
        answer = alone.get("/api/v1/changes?since=0", headers=NDJSON)
    assert answer.status_code == 404
    assert "2026-11 says nothing" in answer.json()["detail"]


def test_only_the_forms_there_are_are_given(followed: TestClient) -> None:
    answer = followed.get("/api/v1/changes?since=0", headers={"accept": "image/png"})
    assert answer.status_code == 406
    assert answer.headers["content-type"] == "application/problem+json"
    for accept in ("*/*", "text/html, */*;q=0.1", "application/*", "application/x-ndjson;q=0.5, "
                   "application/json;q=0.9", "nonsense/;q=x"):  # fmt: skip
        answer = followed.get("/api/v1/changes?since=0", headers={"accept": accept})
        assert answer.headers["content-type"] == "application/json", accept


def test_a_volume_and_its_files_are_read(client: TestClient) -> None:
    one = client.get(f"/api/v1/volumes/{VOLUME}").json()
    assert one == client.get("/api/v1/volumes").json()["volumes"][0]
    rows = all_pages(client, f"/api/v1/volumes/{VOLUME}/files", "files", limit=2)
    assert len(rows) == one["files"] == 5
    assert [r["path"] for r in rows] == sorted(r["path"] for r in rows)
    assert rows[0]["recording"] == recording_id(1)
    told = client.get(f"/api/v1/volumes/{VOLUME}/files", headers=NDJSON)
    assert lines(told.content) == rows
    arrow = client.get(f"/api/v1/volumes/{VOLUME}/files", headers=ARROW).content
    assert pa.ipc.open_stream(io.BytesIO(arrow)).read_all().to_pylist() == rows


def test_a_file_is_found_by_its_digest(client: TestClient) -> None:
    digest = sha256(noise(5001, 1)).hexdigest()
    found = client.get(f"/api/v1/files/{digest.upper()}").json()
    (place,) = found["places"]
    assert found["sha256"] == digest
    assert (place["volume"], place["recording"]["id"]) == (VOLUME, recording_id(1))
    recording = client.get(f"/api/v1/recordings/{recording_id(1)}").json()
    assert place["file"] == recording["file"]
    assert place["tombstone"] is None


def test_a_withdrawn_file_is_told_of_and_not_offered(own_tree: Tree) -> None:
    digest = sha256(noise(5001, 1)).hexdigest()
    gone = RevokedFile(recording=recording_id(1), reason="donor", since=NOW, sha256=digest,
                       pieces_root="", volume=VOLUME, path="")  # fmt: skip
    write_document(own_tree.revocations_json, Revocations(format=1, sequence=1, files=[gone]))
    with TestClient(create_app(own_tree)) as client:
        (place,) = client.get(f"/api/v1/files/{digest}").json()["places"]
        assert (place["file"], place["tombstone"]["reason"]) == (None, "donor")
        listed = client.get(f"/api/v1/volumes/{VOLUME}/files").json()["files"]
        assert [f["withdrawn"] for f in listed].count(True) == 1
        rights = client.get(f"/api/v1/recordings/{recording_id(1)}/rights?use=STREAM").json()
        assert (rights["verdicts"][0]["level"], rights["verdicts"][0]["allowed"]) == ("DENY", False)


def test_rights_are_argued_for_territory_day_and_use(client: TestClient) -> None:
    address = f"/api/v1/recordings/{recording_id(1)}/rights"
    asked = {"territory": ["de", "US"], "date": "2030-01-01", "use": ["STREAM", "AI_TRAIN"]}
    content = client.get(address, params=asked).content
    answer = msgspec.json.decode(content, type=RightsOfAnswer, strict=True)
    assert answer.territories == ["DE", "US"]
    stream, training = answer.verdicts
    assert (stream.use, stream.on, stream.level, stream.allowed) == (
        "STREAM", "2030-01-01", "ALLOW_IF", True,
    )  # fmt: skip
    assert stream.rules[0].source
    assert stream.layers[0].why
    assert answer.evidence[0].value == "CC-BY-4.0"
    assert answer.evidence_of == sha256(noise(5001, 1)).hexdigest()
    assert (training.use, training.in_edition) == ("AI_TRAIN", "ALLOW")


def test_what_the_edition_denies_is_not_allowed_whatever_is_argued(client: TestClient) -> None:
    answer = client.get(f"/api/v1/recordings/{recording_id(5)}/rights").json()
    stream = answer["verdicts"][0]
    assert (stream["in_edition"], stream["allowed"]) == ("DENY", False)
    assert answer["territories"] == answer["edition_territories"] == ["ZZ"]


def test_nothing_is_allowed_without_evidence(client: TestClient) -> None:
    answer = client.get(f"/api/v1/recordings/{recording_id(WITHOUT_AUDIO)}/rights").json()
    assert answer["evidence"] == []
    assert [v["allowed"] for v in answer["verdicts"]] == [False, False, False]


def test_an_argument_is_kept_until_the_edition_or_the_question_changes(client: TestClient) -> None:
    address = f"/api/v1/recordings/{recording_id(1)}/rights"
    etag = client.get(address).headers["etag"]
    assert client.get(address, headers={"if-none-match": etag}).status_code == 304
    other = client.get(f"{address}?date=2040-01-01", headers={"if-none-match": etag})
    assert other.status_code == 200


def test_a_batch_of_look_ups_streams_in_every_form(client: TestClient) -> None:
    asked = {"queries": ["FRX872100001", recording_id(3), "x"], "recordings": True}
    rows = client.post("/api/v1/lookup", json=asked).json()["results"]
    told = client.post("/api/v1/lookup", json=asked, headers=NDJSON)
    assert lines(told.content) == rows
    arrow = client.post("/api/v1/lookup", json=asked, headers=ARROW).content
    assert pa.ipc.open_stream(io.BytesIO(arrow)).read_all().to_pylist() == rows
    assert client.post("/api/v1/lookup", json={"queries": []}).json()["results"] == []

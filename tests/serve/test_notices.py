"""Notices are told to everybody, as the files of `notices/` have them, and nothing beside them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from phonotheque.model.answers import NoticeAnswer
from phonotheque.model.notices import PublicNotice, PublicStep
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.serve.conftest import recording_id
from tests.serve.test_revoked import revoke

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
HTML = {"accept": "text/html"}


def tell(tree: Tree, number: int, **changed: Any) -> str:
    case = f"2026-{number:05d}"
    notice = PublicNotice(
        format=1, case=case, law="us-512", state="disabled", received_at=AT, sender="[redacted]",
        works=["<b>Blue Hour</b>"], missing=[], recordings=[recording_id(2)], files=["ab" * 32],
        steps=[PublicStep(state="received", at=AT), PublicStep(state="disabled", at=AT)],
        opens=None, closes=None, ledger_event=3, ledger_sha256="cd" * 32,
    )  # fmt: skip
    write_document(tree.notices / f"{case}.json", msgspec.structs.replace(notice, **changed))
    return case


def test_a_tree_without_notices_says_so(client: TestClient) -> None:
    answer = client.get("/api/v1/notices").json()
    assert answer == {"notices": [], "total": 0, "next_cursor": None}
    assert "None is known to this server" in client.get("/notices").text
    assert client.get("/notices/2026-00001", headers=HTML).status_code == 404


def test_a_notice_is_told_to_people_and_programs(own_client: TestClient, own_tree: Tree) -> None:
    case = tell(own_tree, 1)
    content = own_client.get(f"/api/v1/notices/{case}").content
    answer = msgspec.json.decode(content, type=NoticeAnswer)
    assert (answer.state, answer.recordings) == ("disabled", [recording_id(2)])
    assert [step.state for step in answer.steps] == ["received", "disabled"]
    page = own_client.get(f"/notices/{case}").text
    assert "&lt;b&gt;Blue Hour" in page and "<b>Blue" not in page
    assert f'href="/recording/{recording_id(2)}"' in page
    assert "17 U.S.C. 512(c)(3)" in page and "taken out of reach" in page
    assert f'href="/notices/{case}"' in own_client.get("/notices").text
    assert 'href="/notices"' in own_client.get("/about").text


def test_the_window_is_shown_while_it_counts(own_client: TestClient, own_tree: Tree) -> None:
    window = {"opens": AT + timedelta(days=14), "closes": AT + timedelta(days=20)}
    waiting = tell(own_tree, 1, state="forwarded", **window)
    over = tell(own_tree, 2, state="restored", **window)
    assert "from 4 December 2026, before 10 December" in own_client.get(f"/notices/{waiting}").text
    assert "4 December" not in own_client.get(f"/notices/{over}").text


def test_a_new_step_is_seen_at_once_and_no_answer_stays_old(
    own_client: TestClient, own_tree: Tree
) -> None:
    before = own_client.get("/notices")
    case = tell(own_tree, 1)
    old = {"if-none-match": before.headers["etag"]}
    assert own_client.get("/notices", headers=old).status_code == 200
    shown = own_client.get(f"/notices/{case}")
    same = {"if-none-match": shown.headers["etag"]}
    assert own_client.get(f"/notices/{case}", headers=same).status_code == 304
    tell(own_tree, 1, state="restored")
    assert "put back" in own_client.get(f"/notices/{case}", headers=same).text


def test_pages_have_every_notice_once_the_newest_first(
    own_client: TestClient, own_tree: Tree
) -> None:
    for number in range(1, 8):
        tell(own_tree, number)
    tell(own_tree, 100_001)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(10):
        page = own_client.get("/api/v1/notices", params={"limit": 3} | cursor).json()
        seen += [notice["case"] for notice in page["notices"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ["2026-100001", *(f"2026-{n:05d}" for n in range(7, 0, -1))]
    assert page["total"] == 8
    assert own_client.get("/api/v1/notices", params={"cursor": "x"}).status_code == 400
    older = own_client.get("/notices", params={"cursor": "2026-00001"})
    assert "There are no more." in older.text and "First page" in older.text


def test_many_recordings_and_texts_do_not_make_a_page_without_end(
    own_client: TestClient, own_tree: Tree
) -> None:
    ids = [recording_id(n) for n in range(1, 5001)]
    case = tell(own_tree, 1, recordings=ids, works=["a work"] * 5000)
    page = own_client.get(f"/notices/{case}").text
    assert page.count("/recording/") == 100 and "And 4,900 more." in page
    assert page.count("<blockquote") == 100 and "And 4,900 more texts." in page
    assert len(own_client.get(f"/api/v1/notices/{case}").json()["recordings"]) == 5000


@pytest.mark.parametrize(
    "case", ["..%2f..%2farchive", "2026-1", "2026-00001.json", ".hidden", "%00", "x" * 60]
)
def test_no_other_file_is_reached(own_client: TestClient, own_tree: Tree, case: str) -> None:
    tell(own_tree, 1)
    (own_tree.notices / ".hidden.json").write_text("{}")
    assert own_client.get(f"/notices/{case}").status_code in (400, 404)
    assert own_client.get(f"/api/v1/notices/{case}").status_code in (400, 404)


def test_nothing_of_the_ledger_and_its_letters_is_served(
    own_client: TestClient, own_tree: Tree
) -> None:
    for path in ("rights/ledger/00000001.json", "rights/documents/" + "ab" * 32):
        letter: Path = own_tree.root / path
        letter.parent.mkdir(parents=True, exist_ok=True)
        letter.write_text("Jane Roe")
        assert own_client.get(f"/{path}").status_code == 404
        assert own_client.get(f"/notices/..%2f{path}").status_code == 404


def test_a_notice_that_cannot_be_read_does_not_hide_the_others(
    own_client: TestClient, own_tree: Tree, caplog: pytest.LogCaptureFixture
) -> None:
    tell(own_tree, 1)
    (own_tree.notices / "2026-00002.json").write_text("{not json")
    listed = own_client.get("/api/v1/notices").json()
    assert [notice["case"] for notice in listed["notices"]] == ["2026-00001"]
    assert listed["total"] == 2
    assert "2026-00002.json" in caplog.text


def test_the_page_of_a_recording_taken_down_leads_to_the_notices(
    own_client: TestClient, own_tree: Tree
) -> None:
    revoke(own_tree)
    assert 'href="/notices"' in own_client.get(f"/recording/{recording_id(2)}").text

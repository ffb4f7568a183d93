"""Statistics of a large edition: nobody waits for them, and nothing is counted twice."""

import logging
import os
import shutil
import time
from pathlib import Path

import pytest
from litestar.testing import TestClient

from phonotheque.model.progress import Silent
from phonotheque.serve import counting, create_app, make_ready
from phonotheque.serve.counting import Counting
from phonotheque.serve.problems import Refused
from phonotheque.storage.layout import Tree


@pytest.fixture
def large(own_tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every edition is a large one, and that of `own_tree` not counted."""
    shutil.rmtree(own_tree.edition_statistics("2026-11"), ignore_errors=True)
    monkeypatch.setattr(counting, "COUNTED_AT_ONCE", 0)


def until_counted(client: TestClient) -> str:
    deadline = time.monotonic() + 60
    while (answer := client.get("/statistics")).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)
    return answer.text


@pytest.mark.usefixtures("large")
def test_who_asks_while_they_are_counted_is_told_to_come_again(
    own_tree: Tree, caplog: pytest.LogCaptureFixture
) -> None:
    make_ready(own_tree, "2026-11", Silent())
    kept = own_tree.edition_statistics("2026-11")
    assert not kept.exists()  # the server may start now
    with TestClient(create_app(own_tree)) as client, caplog.at_level(logging.WARNING):
        page = client.get("/statistics", headers={"accept": "text/html"})
        told = client.get("/api/v1/statistics")
        picture = client.get("/statistics/tiers.svg")
        assert {page.status_code, told.status_code, picture.status_code} == {503}
        assert page.headers["retry-after"] == told.headers["retry-after"] == "60"
        assert "being counted" in page.text
        assert told.headers["content-type"] == "application/problem+json"
        assert "etag" not in page.headers
        assert "Listens and coverage by tier" in until_counted(client)
        assert client.get("/api/v1/statistics").json()["totals"]["recordings"] == 32
    assert not caplog.records
    assert (kept / "statistics.json").is_file()
    with TestClient(create_app(own_tree)) as client:
        assert client.get("/statistics").status_code == 200  # at once


@pytest.mark.full
@pytest.mark.usefixtures("large")
def test_where_nothing_may_be_written_they_are_had_all_the_same(own_tree: Tree) -> None:
    counted = Counting(own_tree.edition("2026-11"), Path("/sys/phonotheque"), 32)
    deadline = time.monotonic() + 60
    while True:
        try:
            found = counted.current()
        except Refused:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            assert found.statistics.totals.recordings == 32
            return


@pytest.mark.usefixtures("large")
def test_what_cannot_be_counted_is_not_tried_without_end(
    own_tree: Tree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(counting.sys, "executable", "/bin/false")
    counted = Counting(own_tree.edition("2026-11"), own_tree.edition_statistics("2026-11"), 32)
    with pytest.raises(Refused):
        counted.current()
    deadline = time.monotonic() + 10
    while counted._process is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for _ in range(3):
        with pytest.raises(Refused):
            counted.current()
    assert counted._process is None
    assert [r for r in caplog.records if "were not counted" in r.getMessage()]


@pytest.mark.usefixtures("large")
def test_closing_ends_the_counting(own_tree: Tree) -> None:
    counted = Counting(own_tree.edition("2026-11"), own_tree.edition_statistics("2026-11"), 32)
    with pytest.raises(Refused):
        counted.current()
    process = counted._process
    assert process is not None
    counted.close()
    process.wait(20)
    assert process.returncode != 0
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    with pytest.raises(Refused):
        counted.current()
    assert counted._process is None

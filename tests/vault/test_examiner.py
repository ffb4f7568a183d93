"""The pool of workers: order, bounds, and what becomes of one that crashes, hangs or eats."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from phonotheque.model.errors import PhonothequeError
from phonotheque.model.findings import FindingCode, Severity
from phonotheque.vault import Examiner, Limits, examiner, take_material
from tests.support import faulty_worker

FAULTY = (sys.executable, str(faulty_worker.__file__))
LIMITS = Limits(seconds=1)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def file(name: str) -> Path:
    path = Path(name)
    path.touch()
    return path


@pytest.fixture
def pool() -> Iterator[Examiner]:
    with Examiner(2, LIMITS, command=FAULTY) as made:
        yield made


def test_answers_come_in_the_order_of_the_files_whoever_is_ready_first(pool: Examiner) -> None:
    names = ["slow-1", "a", "b", "slow-2", "c", "d"]
    answers = pool.examine_many(file(name) for name in names)
    assert [Path(a.path).name for a in answers] == names


def test_workers_are_used_again_and_no_more_than_asked_for(pool: Examiner) -> None:
    answers = [*pool.examine_many(file(f"f{i}") for i in range(40)), pool.examine(file("last"))]
    assert len({a.decoder for a in answers}) <= 2


def test_files_are_taken_as_they_are_needed(pool: Examiner) -> None:
    taken = 0

    def files() -> Iterator[Path]:
        nonlocal taken
        for i in range(10_000):
            taken += 1
            yield file(f"f{i}")

    answers = pool.examine_many(files())
    next(answers)
    assert taken <= 2 * examiner.JOBS_PER_WORKER + 2
    answers.close()  # type: ignore[attr-defined]
    assert pool.examine(file("after")).path.endswith("after")


def test_a_file_that_crashes_the_decoder_is_a_finding_and_the_others_go_on(pool: Examiner) -> None:
    names = ["a", "crash-1", "b", "crash-2", "crash-3", "c"]
    answers = list(pool.examine_many(file(n) for n in names))
    failed = [a for a in answers if a.findings]
    assert [Path(a.path).name for a in failed] == ["crash-1", "crash-2", "crash-3"]
    for answer in failed:
        assert answer.findings[0].code is FindingCode.AUDIO_DECODE_FAILED
        assert answer.findings[0].severity is Severity.ERROR
        assert not answer.admissible


@pytest.mark.full
def test_a_worker_that_answers_nonsense_is_replaced_as_one_that_crashed(pool: Examiner) -> None:
    names = ["a", "mad-0", "mad-1", "b", "mad-2", "mad-3", "c"]
    answers = list(pool.examine_many(file(n) for n in names))
    failed = [Path(a.path).name for a in answers if not a.decoder]
    assert failed == ["mad-0", "mad-1", "mad-2", "mad-3"]
    assert not any(a.admissible for a in answers if not a.decoder)


def test_a_file_that_hangs_the_decoder_is_cut_off(pool: Examiner) -> None:
    started = time.monotonic()
    answers = list(pool.examine_many([file("hang"), file("a")]))
    assert time.monotonic() - started < 5
    assert answers[0].findings[0].code is FindingCode.AUDIO_LIMIT
    assert "longer than 1 s" in answers[0].findings[0].message
    assert not answers[1].findings


def test_a_worker_that_does_not_end_itself_is_killed(
    pool: Examiner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hasty:
        hasty.setattr(examiner, "GRACE_SECONDS", 0.3)
        answer = pool.examine(file("stubborn"))
    assert answer.findings[0].code is FindingCode.AUDIO_LIMIT
    assert not pool.examine(file("a")).findings


def test_a_file_that_eats_memory_is_a_finding(pool: Examiner) -> None:
    answer = pool.examine(file("hungry"))
    assert answer.findings[0].code is FindingCode.AUDIO_LIMIT
    assert "bytes of memory" in answer.findings[0].message


def test_a_worker_cannot_write_files(pool: Examiner, tmp_path: Path) -> None:
    written = tmp_path / "written"
    file("write").write_text(str(written))
    assert pool.examine(Path("write")).findings
    assert not written.exists() or written.stat().st_size == 0


def test_what_a_library_prints_does_not_disturb_the_answers(pool: Examiner) -> None:
    assert pool.examine(file("noisy")).decoder


def test_a_worker_that_died_while_idle_costs_no_file(pool: Examiner) -> None:
    first = pool.examine(file("a"))
    os.kill(int(first.decoder), signal.SIGKILL)
    time.sleep(0.1)
    second = pool.examine(file("b"))
    assert not second.findings
    assert second.decoder != first.decoder


def test_no_worker_outlives_the_pool() -> None:
    with Examiner(2, LIMITS, command=FAULTY) as made:
        pids = {int(a.decoder) for a in made.examine_many([file("slow-1"), file("slow-2")])}
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_name_that_is_no_text_reaches_the_worker_and_comes_back_readable(
    pool: Examiner,
) -> None:
    path = file(os.fsdecode(b"crash-\xff"))
    assert pool.examine(path).path.endswith("crash-\\xff")


def test_a_worker_that_does_not_start_is_no_damage_of_the_file() -> None:
    with (
        Examiner(1, command=("false",)) as made,
        pytest.raises(PhonothequeError, match="not start"),
    ):
        made.examine(file("a"))


def test_tags_that_crash_their_reader_are_a_doubt(pool: Examiner) -> None:
    answer = pool.read_tags(file("crash"))
    assert [f.code for f in answer.findings] == [FindingCode.TAGS_UNREADABLE]
    assert answer.findings[0].severity is Severity.WARNING
    assert pool.read_tags(file("a")).decoder


def test_what_was_read_of_a_file_is_what_a_worker_gets(pool: Examiner, tmp_path: Path) -> None:
    path = file("slow")
    path.write_bytes(b"before")
    with take_material(path, tmp_path / "incoming") as material:
        path.write_bytes(b"after")
        answer = pool.examine(material)
    assert (answer.size_bytes, answer.path) == (6, str(path))


def test_all_threads_may_ask_and_as_many_workers_answer(pool: Examiner) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(pool.examine, [file(f"f{i}") for i in range(40)]))
    assert len({a.decoder for a in answers}) <= 2

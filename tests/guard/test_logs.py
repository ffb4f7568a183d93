"""Access logs, judged: every form is read, bad rows are named, harvesters come before people."""

import bz2
import csv
import gzip
import json
import lzma
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from phonotheque.guard import (
    Analysis,
    Fields,
    Form,
    LogForm,
    Tables,
    Wish,
    analyse_logs,
    check_log_form,
    read_log_form,
    read_robots,
)
from phonotheque.guard.logs.following import parts_joined
from phonotheque.guard.logs.lines import LONGEST_BYTES, BrokenFileError, iter_blocks
from phonotheque.model.errors import FormatError, InputError, UsageError
from phonotheque.model.progress import Silent
from tests.guard.conftest import SIZE, harvester, listener

TRACK = r"^/artist/(?P<artist>\d+)/release/(?P<release>\d+)/(?P<item>\d+)"
COMBINED = LogForm(media=(TRACK,), account="")
MEMORY = "200MB"


def line(
    at: int, who: str, item: int, *, network: str = "192.0.2.1", agent: str = "player/1"
) -> str:
    """One request of Apache's combined form; `at` are seconds of one day."""
    clock = f"{at // 3600:02d}:{at // 60 % 60:02d}:{at % 60:02d}"
    path = f"/artist/{item // 20}/release/{item // 10}/{item}.ogg"
    return (
        f"{network} - {who} [22/Nov/2025:{clock} +0100] "
        f'"GET {path} HTTP/1.1" 200 4000 "-" "{agent}"\n'
    )


def write_day(path: Path, listeners: int = 30, *, pupils: int = 0, agent: str = "curl/8") -> Path:
    """People, two harvesters with accounts, one without; and a campaign of `pupils`."""
    rng = np.random.default_rng(3)
    rows = []
    for k in range(listeners):
        for n, item in enumerate(listener(rng, 120).items.tolist()):
            rows.append((n * 200 + k, f"person{k}", item, f"10.0.{k % 25}.{k}", "player/1"))
    for k, who in enumerate(("trudy", "mallory", "-")):
        for n, item in enumerate(harvester(rng, 150).items.tolist()):
            rows.append((n * 60 + k, who, item, f"198.51.{100 + k}.7", agent))
    for n, item in enumerate(range(SIZE - 1, SIZE - 1 - 3 * pupils, -1)):
        rows.append((n * 60, f"pupil{n % pupils}", item, f"203.0.113.{n % pupils}", "player/1"))
    rows.sort()
    path.write_text("".join(line(t, who, i, network=net, agent=a) for t, who, i, net, a in rows))
    return path


def catalogue(path: Path) -> Path:
    """The table of the small catalogue, whose ranks are numbered backwards."""
    with path.open("w") as file:
        file.write("item,rank,artist,release\n")
        file.writelines(f"{i},{SIZE - i},{i // 20},{i // 10}\n" for i in range(SIZE))
    return path


def run(path: Path, tables: Tables, form: LogForm = COMBINED, **more: object) -> Analysis:
    """The analysis of one file."""
    work = path.parent / f"work-{len(list(path.parent.iterdir()))}"
    work.mkdir()
    wish = Wish(files=(path,), form=form, memory=MEMORY, **more)  # type: ignore[arg-type]
    return analyse_logs(wish, tables, work, Silent())


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, tables: Tables) -> tuple[Path, Analysis]:
    """The day and what is found in it, with the table of the catalogue."""
    folder = tmp_path_factory.mktemp("day")
    items = catalogue(folder / "items.csv")
    path = write_day(folder / "access.log")
    return path, run(path, tables, items=items, robots=(r"curl\/",))


def test_harvesters_come_first_and_nobody_else_is_told(day: tuple[Path, Analysis]) -> None:
    found = day[1]
    assert {one.who for one in found.suspects} == {"trudy", "mallory", "198.51.102.7"}
    assert [one.is_account for one in found.suspects].count(False) == 1
    assert found.by_measure["redirect"] == 3
    first = found.suspects[0]
    assert first.media == first.distinct_items == 150
    assert first.alarm_after is not None
    assert first.alarm_after < 60
    assert "evenly all over the catalogue" in first.reasons[0]
    assert first.robot == r"curl\/"
    assert (found.catalogue, found.accounts, found.addresses) == (SIZE, 32, 1)


def test_what_is_shown_stands_where_it_is_said_to_stand(day: tuple[Path, Analysis]) -> None:
    path, found = day
    lines = path.read_text().splitlines()
    for suspect in found.suspects:
        assert suspect.shown
        for shown in suspect.shown:
            assert shown.file == str(path)
            text = lines[shown.line - 1]
            assert f"/{shown.item}.ogg" in text
            assert suspect.who in text
            assert shown.nats > 0


def test_a_network_that_shares_out_the_top_is_told_though_no_account_is(
    tmp_path: Path, tables: Tables
) -> None:
    path = write_day(tmp_path / "access.log", 100, pupils=240)
    found = run(path, tables, items=catalogue(tmp_path / "items.csv"))
    assert [n.network for n in found.networks if n.told] == ["203.0.113.0/24"]
    told = found.networks[0]
    assert told.collisions == 0
    assert told.expected_collisions > 10
    assert "hardly ever meet" in told.reasons[0]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, "zstd"])
def test_packed_logs_give_the_same_as_plain_ones(
    tmp_path: Path, tables: Tables, pack: object
) -> None:
    plain = tmp_path / "a.log"
    plain.write_text("".join(line(n, "joe", n) for n in range(50)))
    data = plain.read_bytes()
    packed = tmp_path / "a.log.packed"
    if callable(pack):
        packed.write_bytes(pack(data[:700]) + pack(data[700:]) if pack is gzip.compress
                           else pack(data))  # fmt: skip
    else:
        packed.write_bytes(pa.Codec("zstd").compress(data, asbytes=True))
    assert run(packed, tables).requests == run(plain, tables).requests == 50


def test_a_file_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path, tables: Tables) -> None:
    path = tmp_path / "a.log.gz"
    packed = gzip.compress("".join(line(n, "joe", n) for n in range(9000)).encode())
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(BrokenFileError):
        list(iter_blocks(path))
    found = run(path, tables)
    assert 0 < found.requests < 9000
    assert "cannot be read to its end" in found.files[0].broken


def test_bad_rows_are_counted_and_named_with_their_lines(tmp_path: Path, tables: Tables) -> None:
    path = tmp_path / "a.log"
    good = line(1, "joe", 5).encode()
    path.write_bytes(
        good + b"rubbish\n\n" + b'192.0.2.1 - - [99/Nov/2025:00:00:00 +0000] "GET / H" 200 1\n'
        + b"x" * (LONGEST_BYTES + 1) + b"\n\xff\xfe\n" + good.rstrip() + b'\xe9\r\n'
        + b'192.0.2.1 - - [22/Nov/2025:00:00:00 +0000] "\\x16\\x03\\x01" 400 0 "-" "-"\n'
    )  # fmt: skip
    target = tmp_path / "bad.csv"
    found = run(path, tables, bad_rows=target)
    assert found.requests == 3
    assert found.lines == 8
    assert [(row.line, row.reason) for row in found.bad] == [
        (2, "is no line of this form"),
        (4, "has a time that cannot be read"),
        (5, f"is longer than {LONGEST_BYTES:,} bytes"),
        (6, "is no line of this form"),
    ]
    assert found.bad_by_reason == {"form": 2, "time": 1, "too-long": 1}
    with target.open() as file:
        rows = list(csv.reader(file))
    assert [row[1] for row in rows] == ["line", "2", "4", "5", "6"]
    assert rows[1] == [str(path), "2", "form", "rubbish"]


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_lines_keep_their_numbers_however_they_are_read(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.log"
    texts = [f"line {n} " + "ä" * (n % 13) for n in range(1, 60)]
    path.write_text("\n".join(texts))
    found = [
        (block.first + place, text.rstrip("\n"))
        for block in iter_blocks(path, size)
        for place, text in enumerate(block.lines().to_pylist())
    ]
    assert found == list(enumerate(texts, 1))


def test_json_lines_are_read_by_paths(tmp_path: Path, tables: Tables) -> None:
    path = tmp_path / "a.jsonl"
    rows = [
        {"ts": 1.7e9 + n, "request": {"uri": f"/t/{n}", "remote_ip": "[2001:db8:0:5::1]:443",
         "headers": {"User-Agent": ["x"]}}, "status": 200, "size": 9}
        for n in range(9)
    ]  # fmt: skip
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(text + '{"ts": 1}\n{"ts": "no", "request": {"uri": "/"}}\n[]\n{broken\n')
    form = LogForm(
        form=Form.JSON, media=(r"^/t/(\d+)",), account="", time="s",
        fields=Fields(time="ts", path="request.uri", network="request.remote_ip",
                      agent="request.headers.User-Agent[0]", status="status", bytes="size"),
    )  # fmt: skip
    found = run(path, tables, form)
    assert (found.requests, found.media, found.items, found.addresses) == (9, 9, 9, 1)
    assert [row.line for row in found.bad] == [10, 11, 12, 13]


def test_csv_is_read_by_a_mapping(tmp_path: Path, tables: Tables) -> None:
    mapping = tmp_path / "log.toml"
    mapping.write_text(
        'form = "csv"\ncomment = "#"\naccount = ""\nmedia = []\n'
        '[fields]\ntime = "when"\npath = ""\naccount = "user"\nitem = "track"\nnetwork = "ip"\n'
    )
    path = tmp_path / "a.csv"
    path.write_text(
        'when,user,"track",ip\n2025-01-01T00:00:00Z,joe,12,1.1.1.1\n2025-01-01T00:00:01Z,joe\n\n'
        '#c\n2025-01-01 00:00:02+01,"j,""e",13,1.1.1.1\n2025-01-01T00:00:02Z,"open,13,1.1.1.1\n'
        "2025-01-01T00:00:02Z,b,14,1.1.1.1\n2025-01-01T00:00:02Z,,15,\n"
    )
    found = run(path, tables, read_log_form(mapping))
    assert (found.requests, found.media, found.accounts) == (3, 3, 3)
    assert [(row.line, row.reason) for row in found.bad] == [
        (3, "is no line of this form"),
        (7, "is no line of this form"),
        (9, "names neither account nor network"),
    ]


def test_a_column_that_is_not_there_is_named(tmp_path: Path, tables: Tables) -> None:
    path = tmp_path / "a.csv"
    path.write_text("when,path\n2025-01-01T00:00:00Z,/\n")
    form = LogForm(form=Form.CSV, fields=Fields(time="when", path="path", account="user"))
    with pytest.raises(InputError, match=r"a\.csv: no column 'user' \(account\)"):
        run(path, tables, form)


def test_a_log_of_another_form_is_refused_with_a_way_out(tmp_path: Path, tables: Tables) -> None:
    path = tmp_path / "a.log"
    path.write_text('{"not": "combined"}\n')
    with pytest.raises(InputError, match="Say what the log is like with --form or a mapping"):
        run(path, tables)


@pytest.mark.parametrize(
    "form",
    [
        LogForm(media=("^/no-group",)),
        LogForm(media=("(",)),
        LogForm(media=()),
        LogForm(form=Form.CSV, fields=Fields(time="", path="p")),
        LogForm(form=Form.CSV, delimiter=";;"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_before_anything_is_read(form: LogForm) -> None:
    with pytest.raises(UsageError):
        check_log_form(form)


def test_a_pattern_that_only_python_knows_is_refused(tmp_path: Path, tables: Tables) -> None:
    path = tmp_path / "a.log"
    path.write_text(line(1, "joe", 1))
    with pytest.raises(UsageError, match="RE2"):
        run(path, tables, LogForm(media=(r"^/(?=x)(\d+)",)))


def test_pseudonyms_leave_no_name_in_the_report(tmp_path: Path, tables: Tables) -> None:
    path = write_day(tmp_path / "access.log", 3)
    path.write_text(path.read_text() + "bad row of mallory\n")
    found = run(path, tables, items=catalogue(tmp_path / "items.csv"), secret=b"x" * 32)
    assert len(found.suspects) == 3
    said = repr(found.suspects) + repr(found.networks) + repr(found.bad)
    for name in ("trudy", "mallory", "198.51.", "203.0.113"):
        assert name not in said
    assert {one.who.partition("-")[0] for one in found.suspects} == {"account", "address"}


def test_levels_of_the_log_itself_are_found_where_there_are_people_enough(
    tmp_path: Path, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phonotheque.guard.logs.judging.FEWEST_PEOPLE", 40)
    path = write_day(tmp_path / "access.log", 60)
    own, shipped = run(path, tables), run(path, tables, own_levels=False)
    assert own.people > 40
    assert "of this log" in own.levels
    assert shipped.people == 0
    assert {"trudy", "mallory"} <= {one.who for one in own.suspects}
    assert sum(own.by_measure.values()) <= sum(shipped.by_measure.values())


def test_the_same_log_gives_the_same_answer_in_any_memory(tmp_path: Path, tables: Tables) -> None:
    path = write_day(tmp_path / "access.log", 10)
    items = catalogue(tmp_path / "items.csv")
    assert run(path, tables, items=items) == run(path, tables, items=items, threads=1)


def test_parts_of_one_item_are_one_request() -> None:
    items = np.array([7, 7, 7, 8, 7, 7], np.int64)
    times = np.array([0.0, 300.0, 800.0, 810.0, 820.0, 5000.0])
    assert parts_joined(items, times).tolist() == [True, False, False, True, True, True]


def test_a_table_without_ranks_is_refused(tmp_path: Path, tables: Tables) -> None:
    path = tmp_path / "a.log"
    path.write_text(line(1, "joe", 1))
    items = tmp_path / "items.csv"
    items.write_text("item,title\n1,x\n")
    with pytest.raises(InputError, match="needs the columns item and rank"):
        run(path, tables, items=items)
    with pytest.raises(UsageError, match="0 items"):
        run(path, tables, catalogue=0)


def test_lists_of_robots_are_read_as_others_write_them(tmp_path: Path) -> None:
    path = tmp_path / "robots"
    path.write_text('[{"pattern": "bot"}, {"pattern": "^curl"}]')
    assert read_robots(path) == ("bot", "^curl")
    path.write_text('{"A.Bot": {"operator": "x"}}')
    assert read_robots(path) == (r"A\.Bot",)
    path.write_text("wget\n\nlibwww\n")
    assert read_robots(path) == ("wget", "libwww")
    path.write_text("[1]")
    with pytest.raises(FormatError):
        read_robots(path)

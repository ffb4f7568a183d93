"""Signals on training from a folder to what an edition says of each file: the whole way."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from phonotheque.archive import (
    execute_build,
    execute_ingest,
    execute_init,
    execute_publish,
    plan_build,
    plan_ingest,
    plan_init,
    plan_publish,
)
from phonotheque.catalogue.slice_columns import COLUMNS, Of
from phonotheque.cli.main import main
from phonotheque.model.errors import ExitCode
from phonotheque.model.progress import Silent
from phonotheque.storage.layout import Tree
from tests.support.audio import make_audio
from tests.support.clock import NOW

pytestmark = pytest.mark.usefixtures("tuf_clock")

STATED = """
location = "https://label.example/albums/"

[[signal]]
kind = "tdmrep"
file = "tdmrep.json"
url = "https://label.example/.well-known/tdmrep.json"
fetched_at = 2026-11-01T12:00:00Z

[[signal]]
kind = "ai.txt"
url = "https://label.example/ai.txt"
fetched_at = 2026-11-01T12:00:00Z
"""
TDMREP = [
    {"location": "/albums/kept/", "tdm-reservation": 1},
    {"location": "/", "tdm-reservation": 0},
]


def make_folder(folder: Path) -> Path:
    free = {"license": "https://creativecommons.org/publicdomain/zero/1.0/", "artist": "A"}
    for place, name, hertz in (("kept", "One", 440), ("open", "Two", 500), ("open", "Three", 600)):
        tags = {**free, "title": name} | ({"comment": "No AI training"} if name == "Three" else {})
        make_audio(folder / place / f"{name}.flac", hertz=hertz, tags=tags)
    (folder / "signals.toml").write_text(STATED)
    (folder / "tdmrep.json").write_text(json.dumps(TDMREP))
    return folder


@pytest.fixture
def published(tmp_path: Path) -> Tree:
    root, folder = tmp_path / "archive", make_folder(tmp_path / "songs")
    execute_init(plan_init(root, name="T", publisher="P", seat="DE"), None, NOW, Silent())
    tree = Tree(root)
    plan = plan_ingest(tree, [folder], source="songs", kind="auto", now=NOW)
    execute_ingest(tree, plan, NOW, Silent())
    execute_build(tree, plan_build(tree, NOW.date()), Silent())
    execute_publish(tree, plan_publish(tree, NOW, name="one"), NOW, Silent(), workers=1)
    return tree


def test_what_a_folder_says_of_training_reaches_every_export(
    published: Tree, tmp_path: Path
) -> None:
    out = tmp_path / "files.jsonl"
    columns = "title,licence,source_url,ai_train,signals,attribution,sha256"
    assert (
        main(["export", str(published.root), str(out), "--of", "files", "--columns", columns]) == 0
    )
    rows = {row["title"]: row for row in map(json.loads, out.read_text().splitlines())}
    assert {title: row["ai_train"] for title, row in rows.items()} == {
        "One": "DENY", "Two": "ALLOW", "Three": "DENY",
    }  # fmt: skip
    assert {row["licence"] for row in rows.values()} == {"CC0-1.0"}
    assert rows["One"]["source_url"] == "https://label.example/albums/kept/One.flac"
    claims = {title: {s.split()[0] + " " + s.split()[2].split("/")[0] for s in row["signals"]}
              for title, row in rows.items()}  # fmt: skip
    assert claims["One"] == {"reservation tdmrep", "checked ai.txt", "checked tags"}
    assert claims["Two"] == {"checked tdmrep", "checked ai.txt", "checked tags"}
    assert claims["Three"] == {"checked tdmrep", "checked ai.txt", "reservation tags"}
    (told,) = (s for s in rows["One"]["signals"] if s.startswith("reservation"))
    assert "tdmrep/1 https://label.example/.well-known/tdmrep.json 2026-11-01T12:00:00Z" in told
    kept = told.rpartition("sha256:")[2]
    assert (published.sources / "evidence" / kept).read_text() == json.dumps(TDMREP)

    table = tmp_path / "files.csv"
    assert main(["export", str(published.root), str(table), "--of", "files", "--licence",
                 "CC0-1.0"]) == 0  # fmt: skip
    assert len(table.read_text().splitlines()) == 4

    whole = tmp_path / "whole.parquet"
    names = [column.name for column in COLUMNS[Of.FILES]]
    assert main(["export", str(published.root), str(whole), "--of", "files", "--columns",
                 ",".join(names)]) == 0  # fmt: skip
    found = pq.read_table(whole)
    assert (found.num_rows, found.column_names) == (3, names)


@pytest.mark.full
def test_a_build_has_no_word_on_training_yet(
    published: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "x.csv")
    assert main(["export", str(published.root), out, "--of", "files", "--build"]) == ExitCode.USAGE
    assert "only editions do" in capsys.readouterr().err

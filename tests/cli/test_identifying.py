"""`phonotheque identify`: a file or a fingerprint, as text or JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from phonotheque.archive import execute_init, identifying, plan_init
from phonotheque.archive.sounding import take_in_sounds
from phonotheque.cli.main import main
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.progress import Silent
from phonotheque.storage.layout import Tree
from phonotheque.vault import Examination
from phonotheque.vault.acoustic.codec import format_fingerprint
from tests.support.clock import NOW
from tests.support.sounds import admit_sound, examined
from tests.vault.acoustic.fingerprints import damaged, drifting

PIECE = drifting(1_500, seed=1)
CLIP = format_fingerprint(damaged(PIECE[400:500], 0.04))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = Tree(tmp_path_factory.mktemp("identify") / "archive")
    plan = plan_init(tree.root, name="Test", publisher="Test", seat="DE")
    execute_init(plan, None, NOW, Silent())
    admit_sound(tree, "first", PIECE, "Song")
    admit_sound(tree, "copy", damaged(PIECE, 0.06))
    take_in_sounds(tree, NOW, Silent())
    return tree.root


def run(capsys: Any, *arguments: object) -> tuple[int, str, str]:
    code = main(["identify", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_fingerprint_is_told_with_its_place_and_its_copies(root: Path, capsys: Any) -> None:
    code, out, _ = run(capsys, root, "--fingerprint", CLIP)
    assert code == 0
    assert "held" in out
    assert "The Testers – Song" in out
    assert "a part of this: 9" in out
    assert "from 49.5 s on" in out
    assert out.count("also      ") == 1


def test_json_has_all_of_it(root: Path, capsys: Any) -> None:
    code, out, _ = run(capsys, root, "--fingerprint", f"FINGERPRINT={CLIP}", "--json")
    found = json.loads(out)
    assert (code, found["held"], found["fingerprint"]) == (0, True, True)
    (answer,) = found["answers"]
    assert answer["by"] == "part"
    assert answer["score"] == pytest.approx(1 - 2 * answer["error_rate"], abs=1e-3)
    assert answer["recording"] == {
        "id": "", "title": "Song", "artist": "The Testers", "release": None,
    }  # fmt: skip


def test_a_file_is_told_with_what_is_wrong_with_it(
    root: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "song.flac"
    path.write_bytes(b"a third copy")
    monkeypatch.setattr(identifying, "examine", lambda file: examined(file, PIECE[30:]))
    code, out, _ = run(capsys, path, root)
    assert code == 0
    assert out.startswith(str(path))
    assert "the same sound: 100% alike over 182 s, from 3.7 s on" in out
    broken = Finding(FindingCode.AUDIO_DECODE_FAILED, Severity.ERROR, str(path), "cannot be read")
    monkeypatch.setattr(
        identifying, "examine", lambda file: Examination(path=str(file), findings=(broken,))
    )
    code, out, _ = run(capsys, path, root)
    assert code == 66
    assert "audio.decode-failed: cannot be read" in out
    assert "no fingerprint could be made of it" in out
    assert "nothing here is like it" in out


def test_what_was_not_said_is_asked_for(root: Path, capsys: Any) -> None:
    code, _, err = run(capsys)
    assert code == 2
    assert "name a FILE, or give --fingerprint" in err
    code, _, err = run(capsys, root, "--fingerprint", "AQ")
    assert code == 65
    assert "not a Chromaprint fingerprint" in err

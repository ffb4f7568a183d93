"""The same tune in two files under two names: heard at ingest, one recording after the build."""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import av
import mutagen
import numpy as np
import pytest

from phonotheque.archive import execute_init, plan_init
from phonotheque.cli.main import main
from phonotheque.model.progress import Silent
from phonotheque.model.sounds import SoundMatch, SoundVerdict
from phonotheque.sources import write_sounds
from phonotheque.storage.layout import Tree
from tests.support.clock import NOW

pytestmark = pytest.mark.skipif(shutil.which("fpcalc") is None, reason="no fpcalc to hear with")
RATE = 22_050
SAME = "its file is the same sound as that of"


def tune(seed: int, notes: int = 80) -> np.ndarray:
    """Notes of a quarter of a second with harmonics, as samples from -1 to 1."""
    random = np.random.default_rng(seed)
    time = np.arange(RATE // 4) / RATE
    decay = np.exp(-3 * time)
    parts = []
    for _ in range(notes):
        chord = 110 * 2 ** (random.integers(0, 36, 3) / 12)
        sound = sum(np.sin(2 * np.pi * f * n * time) / n for f in chord for n in (1, 2, 3))
        parts.append(decay * sound / 8)
    return np.concatenate(parts)


def write_flac(path: Path, samples: np.ndarray, **tags: str) -> None:
    """A FLAC of one channel with these tags."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE)
        stream.layout = "mono"
        whole = (samples * 30_000).astype(np.int16)
        for start in range(0, len(whole), 4096):
            piece = whole[start : start + 4096].reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
            frame.rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    audio = mutagen.File(path)
    audio.update({"license": "CC0-1.0", **tags})
    audio.save()


def run(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*words, "--json"]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def explained(tree: Tree, capsys: pytest.CaptureFixture[str], key: str) -> dict[str, Any]:
    """What `explain` says of the recording that the row `key` is of."""
    for number in range(1, 6):
        if main(["explain", str(tree.root), str(number), "--json"]) == 0:
            said: dict[str, Any] = json.loads(capsys.readouterr().out)
            if key in [row["source_key"] for row in said["rows"]]:
                return said
    raise AssertionError(key)


@pytest.mark.full
def test_two_files_of_one_tune_under_two_names_become_one_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = Tree(tmp_path / "archive")
    execute_init(plan_init(tree.root, name="T", publisher="T", seat="DE"), None, NOW, Silent())
    folder, samples = tmp_path / "music", tune(1)
    write_flac(folder / "a.flac", samples, title="Harbour Lights", artist="Nora Kest")
    write_flac(folder / "b.flac", samples[RATE:] * 0.6, title="Track 7", artist="Unknown")
    write_flac(folder / "c.flac", tune(2), title="Other Waters", artist="Nora Kest")
    root = str(tree.root)
    run(capsys, "ingest", root, str(folder))
    assert run(capsys, "build", root)["recordings"] == 2
    found = explained(tree, capsys, "a.flac")
    assert [(row["source_key"], row["met"], row["why"]) for row in found["rows"]] == [
        ("a.flac", "sound", f"{SAME} music:b.flac (“Track 7”)"),
        ("b.flac", "sound", f"{SAME} music:a.flac (“Harbour Lights”)"),
    ]  # fmt: skip
    _take_back(tree, folder)
    assert run(capsys, "build", root)["recordings"] == 3
    (apart,) = explained(tree, capsys, "a.flac")["apart"]
    assert apart["source_key"] == "b.flac"
    assert apart["why"] == (
        "its file sounds like that of music:a.flac (“Harbour Lights”), but not surely the same: "
        "listen to both"
    )


def _take_back(tree: Tree, folder: Path) -> None:
    one, other = (sha256((folder / f"{name}.flac").read_bytes()).hexdigest() for name in "ab")
    match = SoundMatch(
        sha256=one, other=other, verdict=SoundVerdict.MAYBE, score=0.5, overlap_ms=1_000,
        offset_ms=0, found_by="test 1",
    )  # fmt: skip
    assert write_sounds(tree, [match], NOW) == "0002"

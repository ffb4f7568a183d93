"""What is heard: loudness and range as EBU Tech 3341 and 3342 ask for, true peaks, silence,
clipping, fingerprints as fpcalc makes them; the same bytes always give the same answer."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from phonotheque.model.findings import FindingCode, Severity
from phonotheque.vault import Description, Wants, chromaprint, find_no_fingerprint, hearing
from phonotheque.vault.true_peak import (
    REACH,
    TAPS,
    WINDOW,
    TruePeak,
    _interpolators,
    oversampling,
    window_peaks,
)
from tests.support.audio import encode_tone, make_audio
from tests.support.boxes import written
from tests.support.examining import examine_here
from tests.support.sine_waves import Samples, sine, write_sound

needs_fpcalc = [
    pytest.mark.chromaprint,
    pytest.mark.skipif(shutil.which("fpcalc") is None, reason="no fpcalc (libchromaprint-tools)"),
]


def described(path: Path, wants: Wants | None = None) -> Description:
    seen = examine_here(path, wants)
    assert seen.admissible and seen.description is not None
    return seen.description


def heard(tmp_path: Path, sound: Samples, layout: str = "stereo", rate: int = 48_000):
    path = write_sound(tmp_path / "a.wav", sound, layout=layout, rate=rate)
    return described(path, Wants(fingerprint=False))


def joined(*parts: tuple[float, float]) -> Samples:
    """Sines of (dBFS, seconds), one behind the other."""
    return np.concatenate([sine(dbfs, seconds) for dbfs, seconds in parts])


# EBU Tech 3341, cases 1 to 6, and 3342, cases 1 to 4, made anew; shorter where the result allows
@pytest.mark.parametrize(
    ("parts", "lufs"),
    [
        ([(-23, 8)], -23.0),
        ([(-33, 8)], -33.0),
        ([(-36, 4), (-23, 24), (-36, 4)], -23.0),
        ([(-72, 4), (-36, 4), (-23, 24), (-36, 4), (-72, 4)], -23.0),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
    ],
)
def test_loudness_is_that_of_the_signals_of_the_ebu(
    tmp_path: Path, parts: list[tuple[float, float]], lufs: float
) -> None:
    found = heard(tmp_path, joined(*parts)).integrated_lufs
    assert found is not None and abs(found - lufs) <= 0.1


def test_surround_is_weighed_as_the_ebu_asks(tmp_path: Path) -> None:
    levels = (-28, -28, -24, -100, -30, -30)  # left, right, centre, LFE, both surrounds
    found = heard(tmp_path, np.stack([sine(level, 6) for level in levels]), "5.1")
    assert found.integrated_lufs is not None and abs(found.integrated_lufs + 23) <= 0.1


@pytest.mark.parametrize(
    ("parts", "range_lu"),
    [([(-20, 20), (-30, 20)], 10), ([(-20, 20), (-15, 20)], 5), ([(-40, 20), (-20, 20)], 20)],
)
def test_the_range_is_that_of_the_signals_of_the_ebu(
    tmp_path: Path, parts: list[tuple[float, float]], range_lu: float
) -> None:
    found = heard(tmp_path, joined(*parts)).range_lu
    assert found is not None and abs(found - range_lu) <= 1


def test_what_is_too_short_or_too_quiet_has_no_loudness(tmp_path: Path) -> None:
    assert heard(tmp_path, sine(-20, 0.3)).integrated_lufs is None
    assert heard(tmp_path, sine(-90, 5)).integrated_lufs is None
    short = heard(tmp_path, sine(-20, 2))
    assert short.integrated_lufs is not None and short.range_lu is None


@pytest.mark.parametrize("rate", [11_025, 22_050, 44_100, 96_000])
def test_loudness_does_not_depend_on_the_sample_rate(tmp_path: Path, rate: int) -> None:
    found = heard(tmp_path, sine(-23, 4, rate=rate), rate=rate)
    assert found.integrated_lufs is not None and abs(found.integrated_lufs + 23) <= 0.1


# EBU Tech 3341, cases 15 to 18: a quarter of the sample rate, half of full scale; -6.0 +0.2/-0.4
@pytest.mark.parametrize(
    ("part", "degrees"), [(4, 0), (4, 45), (6, 60), (8, 67.5), (4.1, 30), (2.6, 10)]
)
@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_a_peak_between_samples_is_found(
    tmp_path: Path, part: float, degrees: float, rate: int
) -> None:
    tone = sine(-6.02, 1, hertz=rate / part, rate=rate, degrees=degrees)
    fade = np.clip(np.minimum(np.arange(rate), np.arange(rate)[::-1]) / (rate / 10), 0, 1)
    found = heard(tmp_path, tone * fade, rate=rate).true_peak_dbtp
    assert found is not None and -6.42 <= found <= -5.82


@pytest.mark.parametrize("seed", range(4))
def test_what_is_passed_over_never_holds_the_peak(seed: int) -> None:
    """The same filter over every sample gives the same."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=(2, WINDOW * 3_000)) * np.linspace(0.1, 1, WINDOW * 3_000)
    sound = (np.cumsum(noise, axis=1) / 90 if seed % 2 else noise / 8).astype(np.float32)
    peak = TruePeak(2, 44_100)
    for block in np.array_split(sound, 10, axis=1):
        peak.feed(block, window_peaks(block))
    weights, _ = _interpolators(oversampling(44_100))
    padded = np.pad(sound, ((0, 0), (REACH, TAPS + WINDOW)))
    phases = weights.reshape(WINDOW + TAPS - 1, WINDOW, -1)[:TAPS, 0]
    every = [np.abs(np.correlate(row, taps, "valid")).max() for row in padded for taps in phases.T]
    assert peak.finish() == pytest.approx(max(*every, np.abs(sound).max()), rel=1e-5)


def test_a_silent_file_is_told_and_kept(tmp_path: Path) -> None:
    seen = examine_here(write_sound(tmp_path / "a.wav", np.zeros(48_000 * 2)))
    assert [(f.code, f.severity) for f in seen.findings] == [
        (FindingCode.AUDIO_SILENT, Severity.WARNING)
    ]
    assert seen.admissible and seen.description is not None
    assert seen.description.silent_share == 1
    assert seen.description.true_peak_dbtp is None


def test_a_long_stretch_of_digital_silence_is_told(tmp_path: Path) -> None:
    sound = np.concatenate((sine(-20, 2), np.zeros(48_000 * 31), sine(-20, 2)))
    seen = examine_here(write_sound(tmp_path / "a.wav", sound))
    assert [(f.code, f.severity) for f in seen.findings] == [
        (FindingCode.AUDIO_SILENT, Severity.INFO)
    ]
    assert "30 s" in seen.findings[0].message or "31 s" in seen.findings[0].message
    assert seen.description is not None
    assert abs(seen.description.silent_share - 31 / 35) < 0.01
    quiet = examine_here(write_sound(tmp_path / "b.wav", sound[: 48_000 * 20]))
    assert quiet.findings == ()


def clipped(times: float, seconds: float, hertz: float) -> Samples:
    return np.clip(sine(0, seconds, hertz=hertz) * times, -1, 1)


@pytest.mark.parametrize(
    ("sound", "severity"),
    [
        (clipped(2, 2, 100), Severity.WARNING),  # 200 runs a second in each channel
        (np.concatenate((clipped(2, 0.2, 100), sine(-6, 20))), Severity.INFO),
        (clipped(0.99, 2, 100), None),
        (np.concatenate((clipped(2, 0.02, 100), sine(-6, 2))), None),  # 4 runs in each channel
    ],
)
def test_clipping_is_counted_in_runs(
    tmp_path: Path, sound: Samples, severity: Severity | None
) -> None:
    seen = examine_here(write_sound(tmp_path / "a.wav", sound))
    found = [f.severity for f in seen.findings if f.code is FindingCode.AUDIO_CLIPPED]
    assert found == ([severity] if severity else [])
    assert seen.admissible


def test_a_run_over_the_end_of_a_block_counts_once(tmp_path: Path) -> None:
    sound = np.zeros(48_000 * 4)
    block = hearing.Levels(1, 48_000, 1).block_samples
    for at in (block - 1, block - 2, 2 * block - 20, 2 * block + 20):
        sound[at : at + 4] = 1.0
    assert heard(tmp_path, sound, "mono").clipped_runs == 3  # the first two are one


def test_floats_that_are_no_numbers_do_no_harm(tmp_path: Path) -> None:
    content = bytearray(encode_tone(".wav"))
    at = content.index(b"fmt ") + 8
    content[at : at + 2] = (3).to_bytes(2, "little")
    content[at + 8 : at + 16] = (44_100 * 8).to_bytes(4, "little") + b"\x08\0\x20\0"
    start = content.index(b"data") + 8
    odd = np.frombuffer(bytes(content[start:]), np.float32).copy()
    odd[:8] = [np.nan, np.inf, -np.inf, 1e38, -1e38, 0, 1e-45, 2]
    odd[8:] = 0.25
    found = described(written(tmp_path / "a.wav", bytes(content[:start]) + odd.tobytes()))
    assert found.true_peak_dbtp is not None and found.true_peak_dbtp <= 130


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".mp3", ".m4a", ".wv"])
def test_the_same_bytes_give_the_same_examination(tmp_path: Path, suffix: str) -> None:
    path = make_audio(tmp_path / f"a{suffix}", seconds=4, tags={"title": "T"})
    assert examine_here(path) == examine_here(path)


def test_what_is_not_wanted_is_not_heard(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "a.flac", seconds=4)
    found = described(path, Wants(loudness=False, fingerprint=False))
    assert (found.integrated_lufs, found.fingerprint, found.fingerprint_by) == (None, b"", "")
    assert found.true_peak_dbtp is not None


# fingerprints


def chirps(seconds: float) -> Samples:
    random = np.random.default_rng(3)
    notes = [sine(-12, 0.25, hertz=hertz) for hertz in random.uniform(100, 4_000, int(seconds * 4))]
    return np.concatenate(notes)


class TestFingerprints:
    pytestmark = needs_fpcalc

    @pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
    def test_every_item_is_that_of_fpcalc(self, tmp_path: Path, layout: str) -> None:
        path = write_sound(tmp_path / "a.wav", chirps(20), layout=layout)
        command = ["fpcalc", "-raw", "-length", "0", path]
        # it ends with 3 where the end of the file surprised it
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        items = np.array(ran.stdout.partition("FINGERPRINT=")[2].split(","), np.uint32)
        found = described(path)
        assert np.frombuffer(found.fingerprint, "<u4").tolist() == items.tolist()
        assert found.fingerprint_by.startswith("libchromaprint/")
        assert len(items) > 100

    def test_audio_too_short_for_an_item_has_none(self, tmp_path: Path) -> None:
        assert described(make_audio(tmp_path / "a.flac", seconds=0.5)).fingerprint == b""


def test_without_the_library_audio_is_kept_without_a_fingerprint_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chromaprint, "LIBRARY", "libchromaprint-that-is-not-here.so")
    chromaprint.load_chromaprint.cache_clear()
    try:
        finding = find_no_fingerprint("folder")
        assert finding is not None and finding.code is FindingCode.AUDIO_NO_FINGERPRINT
        assert chromaprint.PACKAGE in finding.message
        assert described(make_audio(tmp_path / "a.flac", seconds=4)).fingerprint == b""
    finally:
        chromaprint.load_chromaprint.cache_clear()

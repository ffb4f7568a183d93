"""Admitting music to the vault, keeping it and knowing it again, against what limits each.

Music is what lies below ``--set music=DIR``, or made up (four forms, notes and noise). It is
ingested into a new archive, in all the ways of an admission: read, hashed, identified, decoded,
heard (loudness, fingerprint), tags read, written durably, recorded. Against it, each in a process
of its own on the same files: decoding alone (PyAV), SHA-256 alone, tags alone (mutagen), fpcalc
(decoding and fingerprint); `prove` is our examination of soundness without hearing.
CPU-seconds are those of a process and its children. `admit_vs_decode_limit` is the decode's
CPU-seconds divided by those of the admission.

The other parts are benches or races of their own: reading the vault again, access copies, knowing
altered music again. `--set parts=admission,keeping,copies,identifying` chooses.
"""

import os
import shutil
import subprocess
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import mutagen
from tests.support.audio_corpus import FORMS, encode, melody, tag

from bench import keeping as keeping_bench
from bench.costs import Cost, cost_apart
from bench.identify_audio import identify_figures
from bench.opus import race_ffmpeg
from bench.small_files import ingest_all
from phonotheque.storage.layout import Tree
from phonotheque.vault import Examiner, Vault
from phonotheque.vault.examination import Wants

SCALES = {"small": (3, 60.0), "large": (20, 240.0)}  # files of each form, seconds
MADE_UP = {"flac": "flac", "vorbis": "ogg", "opus": "opus", "mp3": "mp3"}
SUFFIXES = frozenset((".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".wav", ".aiff", ".wv"))
RIGHTS = '[[rights]]\nlicence = "CC0-1.0"\nholder = "Nobody"\n'


def make_up(scale: str, folder: Path) -> list[Path]:
    """Write made-up music: a few files of each of four forms."""
    count, seconds = SCALES[scale]
    folder.mkdir(parents=True)
    paths = []
    for name, suffix in MADE_UP.items():
        form = FORMS[name]
        for seed in range(count):
            path = folder / f"{name}-{seed}.{suffix}"
            samples = melody(seconds, form.rate_hz, form.channels, 100 * len(name) + seed)
            path.write_bytes(tag(encode(form, samples), name))
            paths.append(path)
    return paths


def gather(music: Path, folder: Path) -> list[Path]:
    """Copies of all sound files below `music`, without what their tags say of rights, so that a
    rights.toml can stand beside them."""
    folder.mkdir(parents=True)
    found = sorted(p for p in music.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    copies = [Path(shutil.copy(p, folder / f"{n:06d}{p.suffix}")) for n, p in enumerate(found)]
    for copy in copies:
        audio = mutagen.File(copy)
        told = [name for name in (audio.keys() if audio else ()) if _is_of_rights(name)]
        for name in told:
            del audio[name]
        if told:
            audio.save()
    return copies


def _is_of_rights(name: str) -> bool:
    words = ("licen", "copyright", "comment", "contact", "description", "cprt", "tcop", "wcop")
    return any(word in name.lower() for word in words)


def admission(scale: str, work: Path, music: str) -> dict[str, dict[str, Any]]:
    """An ingest of everything, against decoding, hashing and reading tags alone."""
    songs = work / "songs"
    files = gather(Path(music), songs) if music else make_up(scale, songs)
    (work / "songs" / "rights.toml").write_text(RIGHTS)
    total = sum(path.stat().st_size for path in files)
    tree = Tree(work / "archive")
    admitted = cost_apart(lambda: ingest_all(tree, work / "songs", len(files)))
    limits = {name: cost_apart(lambda do=do: [do(p) for p in files]) for name, do in LIMITS.items()}
    with Vault.open(tree.vault) as vault:
        seconds = sum(item.duration_ms for item in vault.iter_objects()) / 1000
    decode = limits["decode"]
    proved = cost_apart(lambda: prove_alone(files))
    peers, against = {}, {}
    if shutil.which("fpcalc"):
        heard = cost_apart(lambda: [fpcalc(path) for path in files])
        peers = _speeds("fpcalc", heard, len(files), seconds, total)
        against = {"admit_vs_fpcalc": heard.cpu_seconds / admitted.cpu_seconds}
    return {
        "peers": peers,
        "ours": {
            "files": len(files),
            "audio_seconds": seconds,
            "bytes": total,
            **_speeds("admit", admitted, len(files), seconds, total),
            "admit_peak_mib": admitted.peak_mib,
            **_speeds("prove", proved, len(files), seconds, total),
        },
        "limits": {
            figure: value
            for name, cost in limits.items()
            for figure, value in _speeds(name, cost, len(files), seconds, total).items()
        },
        "ratios": {
            "admit_vs_decode_limit": decode.cpu_seconds / admitted.cpu_seconds,
            "prove_vs_decode_limit": decode.cpu_seconds / proved.cpu_seconds,
            **against,
            "admit_vs_all_limits": sum(c.cpu_seconds for c in limits.values())
            / admitted.cpu_seconds,
        },
    }


def prove_alone(files: list[Path]) -> None:
    """Examine for soundness only: what an admission costs without hearing, tags and vault."""
    with Examiner(wants=Wants(loudness=False, fingerprint=False, pictures=False)) as examiner:
        for seen in examiner.examine_many(files):
            if not seen.admissible:
                raise RuntimeError(f"not sound: {seen.findings}")


def fpcalc(path: Path) -> None:
    """Decode and fingerprint the whole file by Chromaprint's own tool, which does nothing else."""
    command = ["fpcalc", "-length", "0", str(path)]  # 3: done, but the decoder grumbled
    if subprocess.run(command, check=False, capture_output=True).returncode not in (0, 3):
        raise RuntimeError(f"fpcalc cannot read {path}")


def _speeds(name: str, cost: Cost, files: int, seconds: float, total: int) -> dict[str, float]:
    return {
        f"{name}_audio_seconds_per_cpu_second": seconds / cost.cpu_seconds,
        f"{name}_files_per_cpu_second": files / cost.cpu_seconds,
        f"{name}_mb_per_cpu_second": total / 1e6 / cost.cpu_seconds,
    }


def _decode(path: Path) -> None:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1
        for _ in container.decode(stream):
            pass


def _hash(path: Path) -> None:
    with path.open("rb") as stream:
        file_digest(stream, "sha256")


def keeping(scale: str, work: Path, _: str) -> dict[str, dict[str, Any]]:
    """Reading a vault again, against hashing alone and bagit.py: bench/keeping.py."""
    work.mkdir()
    return keeping_bench.measure(scale, work)


def copies(scale: str, work: Path, _: str) -> dict[str, dict[str, Any]]:
    """Opus of FLAC, against the ffmpeg command line at the same settings: bench/opus.py."""
    work.mkdir()
    masters = [path for path in make_up(scale, work / "songs") if path.suffix == ".flac"]
    race = race_ffmpeg(masters, work)
    if race is None:
        return {"ratios": {"opus_vs_ffmpeg": None}}  # there is no ffmpeg here
    return {
        "ours": {"opus_audio_seconds_per_cpu_second": race.audio_s / race.ours_cpu_s},
        "peers": {"ffmpeg_audio_seconds_per_cpu_second": race.audio_s / race.ffmpeg_cpu_s},
        "ratios": {"opus_vs_ffmpeg": race.opus_vs_ffmpeg},
    }


def identifying(scale: str, _: Path, music: str) -> dict[str, dict[str, Any]]:
    """Knowing altered music again among many fingerprints: bench/identify_audio.py."""
    return {"ours": identify_figures(scale, music)}


LIMITS = {"decode": _decode, "sha256": _hash, "mutagen": mutagen.File}

PARTS = {
    "admission": admission, "keeping": keeping, "copies": copies, "identifying": identifying,
}  # fmt: skip


def run(scale: str, *, music: str = "", parts: str = ",".join(PARTS)) -> dict[str, Any]:
    """All figures, or those of some `parts`."""
    figures: dict[str, Any] = {"ours": {}, "peers": {}, "limits": {}, "ratios": {}}
    figures["ours"]["music"] = f"from {Path(music).name}" if music else "made up"
    with TemporaryDirectory(dir=os.environ.get("PHONOTHEQUE_BENCH_DIR")) as scratch:
        for name in parts.split(","):
            for group, found in PARTS[name](scale, Path(scratch) / name, music).items():
                figures[group].update(found)
    return figures

"""Where the demo's music comes from: Debian's packages, a folder of yours, or nine old tunes."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from phonotheque.cli.demo.tunes import compose
from phonotheque.model.errors import UsageError

PACKAGES = ("singularity-music", "zaz-data")
AUDIO_SUFFIXES = frozenset((".ogg", ".opus", ".flac", ".mp3", ".wav", ".m4a"))
_UPDATE_SECONDS = 60
_DOWNLOAD_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Music:
    """A folder to ingest, the name of its source, and in words where it came from."""

    folder: Path
    source: str
    origin: str


def find_music(work: Path, own: Path | None, note: Callable[[str], None]) -> Music:
    """The music for the demo: `own` when given, else Debian's, else composed here.

    `work` keeps downloads between runs; `note` is told what happens and why.

    Raises:
        UsageError: `own` is no folder with audio in it.
    """
    if own is not None:
        return _own(own)
    debian = work / "debian-music"
    if _has_audio(debian) or _fetch_debian(work, debian, note):
        return Music(debian, "debian-music", f"Debian packages {' and '.join(PACKAGES)}")
    note("composing nine public-domain tunes here instead, under CC0")
    folder = work / "composed-tunes"
    if not (folder / "rights.toml").exists():
        compose(folder)
    return Music(folder, "composed-tunes", "public-domain tunes composed by the demo itself (CC0)")


def _own(folder: Path) -> Music:
    if not folder.is_dir() or not _has_audio(folder):
        raise UsageError(f"{folder}: no folder with audio files in it")
    return Music(folder, "own-music", f"the folder {folder}")


def _has_audio(folder: Path) -> bool:
    return folder.is_dir() and any(
        Path(name).suffix.lower() in AUDIO_SUFFIXES
        for _, _, names in os.walk(folder)
        for name in names
    )


def _fetch_debian(work: Path, target: Path, note: Callable[[str], None]) -> bool:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        note("this is no Debian system, so its music packages cannot be fetched")
        return False
    private = work / "apt"
    for folder in ("state/lists/partial", "cache/archives/partial", "packages"):
        (private / folder).mkdir(parents=True, exist_ok=True)
    settings = {
        "Dir::State": private / "state",
        "Dir::State::Lists": private / "state/lists",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": private / "cache",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
    }
    apt = ["apt-get", "-qq"]
    for key, value in settings.items():
        apt += ["-o", f"{key}={value}"]
    try:
        fetched = {deb.name.split("_")[0] for deb in (private / "packages").glob("*.deb")}
        if fetched != set(PACKAGES):
            note(f"fetching {' and '.join(PACKAGES)} from Debian (72 MB, nothing is installed)")
            _run([*apt, "update"], private, _UPDATE_SECONDS)
            _run([*apt, "download", *PACKAGES], private / "packages", _DOWNLOAD_SECONDS)
        unpacked = work / "unpacking"
        shutil.rmtree(unpacked, ignore_errors=True)
        for deb in sorted((private / "packages").glob("*.deb")):
            package = deb.name.split("_")[0]
            _run(["dpkg-deb", "-x", str(deb), str(unpacked / package)], work, _DOWNLOAD_SECONDS)
        unpacked.rename(target)
    except (OSError, subprocess.SubprocessError) as error:
        note(f"Debian's music could not be fetched: {_reason(error)}")
        return False
    return True


def _run(command: list[str], folder: Path, seconds: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if command[0] == "dpkg-deb":
        Path(command[-1]).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=seconds)


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = (error.stderr or "").strip().splitlines()
        return lines[-1] if lines else str(error)
    return str(error)

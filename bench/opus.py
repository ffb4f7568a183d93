"""Access copies against the ffmpeg command line: the same masters, the same settings of libopus.

Both decode, resample and encode on one thread. Figures are seconds of CPU of the process, its
start included for ffmpeg (about 0.04 s a file), which is started once a file as one would.
"""

import resource
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from phonotheque.vault.encoding import encode_here
from phonotheque.vault.encoding_frames import EncodingWants
from phonotheque.vault.recipes import OpusSettings, opus_rate

KBPS = 96


@dataclass(frozen=True, slots=True)
class OpusRace:
    """`ours_cpu_s` and `ffmpeg_cpu_s` for `audio_s` seconds of audio; sizes of the copies."""

    audio_s: float
    ours_cpu_s: float
    ffmpeg_cpu_s: float
    ours_bytes: int
    ffmpeg_bytes: int

    @property
    def opus_vs_ffmpeg(self) -> float:
        """Audio for a second of CPU, ours over ffmpeg's: above 1 ours takes less."""
        return self.ffmpeg_cpu_s / self.ours_cpu_s


def race_ffmpeg(masters: Sequence[Path], scratch: Path, rate_hz: int = 44_100) -> OpusRace | None:
    """Encode FLAC `masters` (stereo, `rate_hz`) with both; None where there is no ffmpeg."""
    if shutil.which("ffmpeg") is None:
        return None
    settings = OpusSettings(
        bits_per_second=KBPS * 1000, rate_hz=opus_rate(rate_hz), source_rate_hz=rate_hz, channels=2
    )
    wants = EncodingWants(demuxer="flac", settings=settings)
    audio = ours = theirs = 0.0
    our_bytes = their_bytes = 0
    for master in masters:
        before = _cpu(resource.RUSAGE_SELF)
        encoded = encode_here(master, wants, lambda _: None)
        ours += _cpu(resource.RUSAGE_SELF) - before
        audio += encoded.samples / 48_000
        our_bytes += encoded.bytes
        target = scratch / f"{master.stem}.opus"
        before = _cpu(resource.RUSAGE_CHILDREN)
        subprocess.run(_ffmpeg(master, target), check=True, capture_output=True)
        theirs += _cpu(resource.RUSAGE_CHILDREN) - before
        their_bytes += target.stat().st_size
    return OpusRace(audio, ours, theirs, our_bytes, their_bytes)


def _ffmpeg(master: Path, target: Path) -> list[str]:
    return [
        "ffmpeg", "-v", "error", "-y", "-threads", "1", "-i", str(master), "-map", "0:a:0",
        "-c:a", "libopus", "-b:a", f"{KBPS}k", "-vbr", "on", "-compression_level", "10",
        "-application", "audio", "-frame_duration", "20", "-f", "ogg", str(target),
    ]  # fmt: skip


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime

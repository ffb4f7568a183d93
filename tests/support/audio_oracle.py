"""A second opinion on what a file sounds like, and many files judged in child processes."""

import os
import resource
import signal
from collections.abc import Iterator, Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import av
import msgspec

from phonotheque.model.findings import Severity
from phonotheque.vault.examination import Examination, Wants
from phonotheque.vault.judge import examine_here
from tests.support.audio_damage import Damage

SECONDS, MEMORY_BYTES = 60, 1 << 30
WANTS = Wants(loudness=False, fingerprint=False)


class Verdict(NamedTuple):
    """`sound`: admitted without any doubt. `same`: sounds as a whole file does; None where that was
    not asked, because it is not admitted. `died`: what ended the child over it, "" for nothing."""

    kind: str
    label: str
    admitted: bool = False
    sound: bool = False
    same: bool | None = None
    codes: tuple[str, ...] = ()
    died: str = ""


def sound_of(content: bytes) -> str:
    """What libav makes of a file by its own guess of the form, with every error passed over:
    a digest of the samples of the first audio stream with their rate and channels."""
    digest = sha256()
    for frame in _frames(content):
        digest.update(f"{frame.sample_rate} {frame.layout.nb_channels};".encode())
        digest.update(_samples(frame))
    return digest.hexdigest()


def _samples(frame: Any) -> bytes:
    channels = frame.layout.nb_channels
    if channels == 8 and frame.format.is_planar:  # PyAV crashes over these
        packed = av.AudioResampler(frame.format.packed, frame.layout, frame.sample_rate)
        (frame,) = packed.resample(frame)
    samples = frame.to_ndarray()
    shaped = samples.T if frame.format.is_planar else samples.reshape(-1, channels)
    return shaped.astype("f8").tobytes()


def _frames(content: bytes) -> Iterator[Any]:
    try:
        with av.open(BytesIO(content), metadata_errors="replace") as container:
            for packet in container.demux(container.streams.audio[0]):
                try:
                    yield from packet.decode()
                except av.error.FFmpegError:
                    continue
    except (av.error.FFmpegError, IndexError):
        return


def judge_all(damages: Sequence[Damage], *whole: bytes) -> Iterator[Verdict]:
    """Judge each in a child that may crash, hang (60 s) or eat memory (1 GiB) without harm; what it
    admits is listened to and compared with those in `whole`."""
    done, sounds = 0, frozenset(map(sound_of, whole))
    while done < len(damages):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _judge_in_child(damages[done:], sounds, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as answers:
            for line in answers:
                yield Verdict(*msgspec.json.decode(line))
                done += 1
        _, status = os.waitpid(child, 0)
        if done < len(damages):
            died = f"status {os.waitstatus_to_exitcode(status)}"
            yield Verdict(damages[done].kind, damages[done].label, died=died)
            done += 1


def _judge_in_child(damages: Sequence[Damage], sounds: frozenset[str], answers: int) -> None:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        for damage in damages:
            signal.alarm(SECONDS)
            verdict = _judge(damage, sounds)
            signal.alarm(0)
            os.write(answers, msgspec.json.encode(verdict) + b"\n")
        os._exit(0)
    finally:
        os._exit(99)


def _judge(damage: Damage, sounds: frozenset[str]) -> Verdict:
    content = damage.make()
    try:
        seen = examine_bytes(content)
    except MemoryError:  # a worker makes an answer of it
        return Verdict(damage.kind, damage.label, codes=("audio.limit-exceeded",))
    except Exception as error:
        at = error.__traceback__
        while at.tb_next is not None and "phonotheque" in at.tb_next.tb_frame.f_code.co_filename:
            at = at.tb_next
        died = f"{type(error).__name__} at {at.tb_frame.f_code.co_name}: {error}"
        return Verdict(damage.kind, damage.label, died=died)
    codes = tuple(f"{f.code.value}" for f in seen.findings)
    doubts = [f for f in seen.findings if f.severity is not Severity.INFO]
    same = sound_of(content) in sounds if seen.admissible else None
    sound = seen.admissible and not doubts
    return Verdict(damage.kind, damage.label, seen.admissible, sound, same, codes)


def examine_bytes(content: bytes, name: str = "a") -> Examination:
    """Examine in this process, as a worker does: from an open descriptor without a name."""
    descriptor = os.memfd_create("case")
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as stream:
            stream.write(content)
        path = Path(f"/proc/self/fd/{descriptor}")
        return examine_here(path, name, WANTS)
    finally:
        os.close(descriptor)

"""The transcoding worker: the audio file that standard input is, encoded anew on standard output.

It is run as a program of its own (``transcoding_worker.py REQUEST``), for one file, and imports
nothing of ours, so that it starts quickly. It may write no file, has so much memory and so much
time, and ends when nobody reads what it writes.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

MEMORY_BYTES = 512 << 20
CPU_SECONDS = 1800
_READING = {"protocol_whitelist": "file"}
_FORMS: dict[str, tuple[str, str, str, int, int, dict[str, str]]] = {
    # name: container, codec, sample format, rate, samples a frame, options of the container
    "opus": ("ogg", "libopus", "flt", 48_000, 960, {}),
    "mp3": ("mp3", "libmp3lame", "s16p", 44_100, 1152, {"write_xing": "0", "id3v2_version": "0"}),
}
_ENCODING = {"libopus": {"vbr": "constrained"}}  # what was asked for is the most that is sent


class _Pipe:
    """Standard output as a file that is only written to."""

    def write(self, content: bytes) -> int:
        """All of it."""
        view = memoryview(content)
        while view:
            view = view[os.write(1, view) :]
        return len(content)


def transcode(path: str, form: str, bits_per_second: int, offset_seconds: float, out: Any) -> None:
    """Encode the first audio stream of the file at `path`, from an offset on, into `out`.

    Raises:
        av.FFmpegError: it does not decode.
        ValueError: it holds no audio.
    """
    container_name, codec, sample_format, rate, samples, options = _FORMS[form]
    with (
        av.open(f"file:{path}", options=_READING) as source,
        av.open(out, "w", format=container_name, container_options=options) as target,
    ):
        if not source.streams.audio:
            raise ValueError("no audio")
        layout = "mono" if source.streams.audio[0].codec_context.channels == 1 else "stereo"
        stream: Any = target.add_stream(codec, rate=rate)
        stream.codec_context.layout = layout
        stream.codec_context.format = sample_format
        stream.codec_context.bit_rate = bits_per_second
        stream.codec_context.options = _ENCODING.get(codec, {})
        resampler: Any = av.AudioResampler(
            format=sample_format, layout=layout, rate=rate, frame_size=samples
        )
        at = 0
        for frame in _frames(source, resampler, offset_seconds):
            frame.pts, frame.time_base = at, Fraction(1, rate)
            at += frame.samples
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


def _frames(source: Any, resampler: Any, offset_seconds: float) -> Iterator[Any]:
    stream = source.streams.audio[0]
    stream.codec_context.thread_count = 1
    if offset_seconds:
        source.seek(int(offset_seconds * 1_000_000))
    for frame in source.decode(stream):
        if offset_seconds and frame.time + frame.samples / frame.sample_rate <= offset_seconds:
            continue
        frame.pts = None
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def limit_process() -> None:
    """No core dumps, no writing of files, so much memory and time."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    ceiling = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


def main() -> None:
    """Answer the one request of the command line; exit code 1 where that cannot be done."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server to act on
    os.nice(5)  # answers before audio
    limit_process()
    request = json.loads(sys.argv[1])
    try:
        transcode(
            "/proc/self/fd/0", request["form"], request["bits_per_second"],
            request["offset_seconds"], _Pipe(),
        )  # fmt: skip
    except BrokenPipeError:
        os._exit(0)
    except (av.FFmpegError, ValueError, MemoryError):
        os._exit(1)


if __name__ == "__main__":
    main()

"""Small sound files of every form that the vault admits, made once per session: a melody with a
little noise, with tags and a picture.

Equal calls give equal bytes. `FORMS` names the forms; `sound_file` gives the bytes of one.
"""

import base64
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile

import av
import mutagen
import numpy as np
from mutagen.apev2 import APEValue
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, TIT2, TPE1, TXXX
from mutagen.mp4 import MP4Cover
from numpy.typing import NDArray

TAGS = {"title": "Ein Stück", "artist": "Niemand", "license": "CC0-1.0"}


@dataclass(frozen=True, slots=True)
class Form:
    """How one form is made. `checked`: its audio cannot change without a checksum that tells."""

    codec: str
    container: str
    rate_hz: int = 44_100
    channels: int = 2
    layout: str = "stereo"
    sample_format: str = ""  # "" = the encoder's first
    checked: bool = False
    options: dict[str, str] = field(default_factory=dict)  # of the encoder
    muxing: dict[str, str] = field(default_factory=dict)
    finish: Callable[[bytes], bytes] = bytes


def _without_md5(content: bytes) -> bytes:
    at = content.index(b"fLaC") + 4 + 4 + 18
    return content[:at] + bytes(16) + content[at + 16 :]


FORMS: dict[str, Form] = {
    "flac": Form("flac", "flac", checked=True),
    "flac-24": Form("flac", "flac", 96_000, sample_format="s32", checked=True),
    "flac-mono-without-md5": Form(
        "flac", "flac", channels=1, layout="mono", checked=True, finish=_without_md5
    ),
    "flac-5.1": Form("flac", "flac", 48_000, 6, "5.1", checked=True),
    "flac-7.1": Form("flac", "flac", 48_000, 8, "7.1", checked=True),
    "ogg-flac": Form("flac", "ogg", checked=True),
    "vorbis": Form("vorbis", "ogg", checked=True, options={"strict": "experimental"}),
    "opus": Form("libopus", "ogg", 48_000, checked=True),
    "mp3": Form("libmp3lame", "mp3", options={"b": "96k"}),
    "mp3-22-mono": Form(
        "libmp3lame", "mp3", 22_050, 1, "mono", sample_format="fltp", options={"b": "32k"}
    ),
    "wav-8": Form("pcm_u8", "wav", 22_050),
    "wav-16": Form("pcm_s16le", "wav"),
    "wav-24": Form("pcm_s24le", "wav"),
    "wav-32": Form("pcm_s32le", "wav"),
    "wav-float": Form("pcm_f32le", "wav"),
    "wav-double": Form("pcm_f64le", "wav", channels=1, layout="mono"),
    "bwf": Form("pcm_s16le", "wav", muxing={"write_bext": "1"}),
    "rf64": Form("pcm_s16le", "wav", muxing={"rf64": "always"}),
    "aiff": Form("pcm_s16be", "aiff"),
    "aifc": Form("pcm_s16le", "aiff"),
    "aac": Form("aac", "ipod", options={"b": "64k"}),
    "aac-faststart": Form("aac", "ipod", options={"b": "64k"}, muxing={"movflags": "+faststart"}),
    "aac-fragmented": Form(
        "aac", "mp4", options={"b": "64k"}, muxing={"movflags": "+frag_keyframe+empty_moov"}
    ),
    "aac-7.1": Form("aac", "ipod", 48_000, 8, "7.1", options={"b": "192k"}),
    "alac": Form("alac", "ipod", sample_format="s16p"),
    "speex": Form("speex", "ogg", 8_000, 1, "mono", checked=True),
    "wavpack": Form("wavpack", "wv", sample_format="s16p", checked=True),
}
UNTAGGED = ("rf64", "aac-fragmented")  # mutagen writes none there
EVERYDAY = ("flac", "ogg-flac", "vorbis", "opus", "speex", "mp3", "wav-16", "rf64", "aiff", "aac",
            "alac", "wavpack")  # fmt: skip


_SPEEX = (  # `melody` of half a second at 8 kHz by speexenc 1.2.1, for libav only reads Speex
    "T2dnUwACAAAAAAAAAABQEX5XAAAAABG/ix0BUFNwZWV4ICAgMS4yLjEAAAAAAAAAAAAAAAAAAAABAAAAUAAAAEAfAA"
    "AAAAAABAAAAAEAAAD/////oAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAT2dnUwAAAAAAAAAAAABQEX5XAQAAAP7jAeUB"
    "NxgAAABFbmNvZGVkIHdpdGggU3BlZXggMS4yLjECAAAABwAAAHRpdGxlPVQIAAAAYXV0aG9yPUFPZ2dTAASgDwAAAA"
    "AAAFARflcCAAAA9DVopRoUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB82IXAAOc5wAFf32Aw4XBZHeqi4HzKhYjvF"
    "b/ETXJiyLjCz2xdwsUAfMv9ourW0rnvt3xs+ptSw0xgyoRoiaVrY6Himc8pd7AGzIXUU/kbPHzqvaLjgraxd9t76Lv"
    "tb91tyJZ0aIjta2MqWLnv1m3iN5g8kA3rMdB86r2znmgJ1bHrNBrbxkakXeBisGiq7WLi0s1EbzGdmKebbuVr68d4f"
    "OsVq2sOqlnVdLu4uOQnMA3Z0nhzWlZi7OILIGdNvwJyzK1Ye6pfKHM6xYmbU4UhzQBhVxqlPK0FfoSAYxpNolIPwST"
    "NjjlYlPlPGHNMKrBjGk2JmsXS1xXZJLuKr7rNzVXIdGMaTVxWMzLOMZNGKheQ6lxNWcMYYxpNbl+t9JE1AUxbl4dtk"
    "4XQwyxjGk1oKtGdbjFnXAoXhMUly+QaAGMaTWgrILt0MVnypxiEbdkzV0JsYxpNYn4nU6U/yrc3GtjDM4XFo/B3q04"
    "oTM3EblsCfgDsfcrIebOkCHerZYPu1d7hzW5lxwfiOXhz/chUd6stXB7c684Pk0kg+8Kh64PbnlR3qw1cHmnMLjX3q"
    "m0Gx6ezg+IhFGf1xRwfWFiuD5cYbQeLdo0D5Ousaw1ldBreCy4PFIYXB8GvegPxCPhrDWVD6+dV2i3hWhcHxn3iA98"
    "/qGsNZdwcZpsrtbLITutEORODledw="
)


def melody(seconds: float, rate_hz: int, channels: int, seed: int = 0) -> NDArray[np.float32]:
    """Notes with overtones and a little noise, in [-1, 1], shape (samples, channels)."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    out = rng.normal(0, 0.01, (len(time), channels))
    step = 0.18
    for start in np.arange(0, seconds, step):
        hertz = 220 * 2 ** (int(rng.integers(0, 24)) / 12)
        there = (time >= start) & (time < start + step)
        t = time[there] - start
        note = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in (1, 2, 3))
        out[there] += 0.25 * (note * np.exp(-6 * t))[:, None] * rng.uniform(0.6, 1, channels)
    return np.clip(out, -1, 1).astype(np.float32)


@cache
def sound_file(name: str, seconds: float = 0.6, seed: int = 0, *, tagged: bool = True) -> bytes:
    """The bytes of the form `name` (a key of `FORMS`)."""
    form = FORMS[name]
    if name == "speex":
        return base64.b64decode(_SPEEX)
    content = form.finish(encode(form, melody(seconds, form.rate_hz, form.channels, seed)))
    return tag(content, name) if tagged and name not in UNTAGGED else content


def encode(form: Form, samples: NDArray[np.float32]) -> bytes:
    """Encode samples of shape (samples, channels)."""
    options = {"fflags": "+bitexact", **form.muxing}
    with (
        NamedTemporaryFile() as out,
        av.open(out.name, "w", format=form.container, options=options) as container,
    ):
        stream = container.add_stream(
            form.codec, rate=form.rate_hz, options={"flags": "+bitexact", **form.options}
        )
        stream.layout = form.layout
        if form.sample_format:
            stream.format = form.sample_format
        stream.codec_context.open()
        for frame in _frames(stream.codec_context, form, samples):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        container.close()
        return Path(out.name).read_bytes()


def _frames(context: av.CodecContext, form: Form, samples: NDArray[np.float32]) -> list:
    whole = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout=form.layout)
    whole.rate, whole.pts = form.rate_hz, 0
    resampler = av.AudioResampler(
        format=context.format.name,
        layout=form.layout,
        rate=form.rate_hz,
        frame_size=context.frame_size or 1024,
    )
    return [*resampler.resample(whole), *resampler.resample(None)]


def png(width: int = 2, height: int = 2) -> bytes:
    """A PNG of one colour; the claim of its header is true."""
    rows = b"".join(b"\0" + b"\x20\x40\x80" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def png_chunk(name: bytes, content: bytes) -> bytes:
    """One chunk with its length and its checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(
        ">I", zlib.crc32(name + content)
    )  # fmt: skip


def tag(content: bytes, name: str, picture: bytes | None = None) -> bytes:
    """The file with `TAGS` and a picture in the way that its form has them."""
    stream = BytesIO(content)
    audio = mutagen.File(stream)
    if audio is None:
        raise AssertionError(f"{name} is no form that mutagen tags")
    if audio.tags is None:
        audio.add_tags()
    _set_tags(audio, name.partition("-")[0], picture or png())
    stream.seek(0)
    audio.save(stream)
    return stream.getvalue()


def _set_tags(audio: mutagen.FileType, family: str, picture: bytes) -> None:
    if family in ("mp3", "wav", "bwf", "rf64", "aiff", "aifc"):
        audio.tags.add(TIT2(encoding=3, text=[TAGS["title"]]))
        audio.tags.add(TPE1(encoding=3, text=[TAGS["artist"]]))
        audio.tags.add(TXXX(encoding=3, desc="LICENSE", text=[TAGS["license"]]))
        audio.tags.add(APIC(encoding=3, mime="image/png", type=3, desc="", data=picture))
    elif family in ("aac", "alac"):
        audio.tags.update({"\xa9nam": [TAGS["title"]], "\xa9ART": [TAGS["artist"]],
                           "cprt": [TAGS["license"]], "covr": [MP4Cover(picture, 14)]})  # fmt: skip
    else:
        audio.tags.update(TAGS)
        _set_picture(audio, family, picture)


def _set_picture(audio: mutagen.FileType, family: str, picture: bytes) -> None:
    block = Picture()
    block.data, block.type, block.mime = picture, 3, "image/png"
    if isinstance(audio, FLAC):
        audio.add_picture(block)
    elif family == "wavpack":
        audio.tags["Cover Art (Front)"] = APEValue(b"cover.png\0" + picture, 1)
    else:
        audio.tags["metadata_block_picture"] = base64.b64encode(block.write()).decode()

"""Short true audio files for tests: tones, encoded by PyAV, tagged by mutagen.

    make_audio(tmp_path / "a.flac", tags={"title": "A", "artist": "B", "license": "CC0-1.0"})

The form follows the suffix. Equal arguments give equal bytes within one session; each tone is
encoded once per session.
"""

from functools import cache
from io import BytesIO
from pathlib import Path

import av
import mutagen
import numpy as np
from mutagen.id3 import ID3, TXXX, Frames, TextFrame
from mutagen.mp4 import MP4, MP4FreeForm

# suffix: (codec, container, sample rate)
ENCODERS = {
    ".flac": ("flac", "flac", 44_100),
    ".ogg": ("vorbis", "ogg", 44_100),  # libav's own; the wheel has no libvorbis
    ".opus": ("libopus", "ogg", 48_000),
    ".mp3": ("libmp3lame", "mp3", 44_100),
    ".wav": ("pcm_s16le", "wav", 44_100),
    ".m4a": ("aac", "ipod", 44_100),
    ".alac.m4a": ("alac", "ipod", 44_100),
    ".aiff": ("pcm_s16be", "aiff", 44_100),
    ".wv": ("wavpack", "wv", 44_100),
    ".oga": ("flac", "ogg", 44_100),
    ".adpcm.wav": ("adpcm_ms", "wav", 44_100),  # a form the vault does not admit
    ".mka": ("flac", "matroska", 44_100),
}
SIX_FORMS = (".flac", ".ogg", ".opus", ".mp3", ".wav", ".m4a")  # those every archive must take

_ID3_NAMES = {
    "title": "TIT2", "artist": "TPE1", "album": "TALB", "albumartist": "TPE2", "date": "TDRC",
    "tracknumber": "TRCK", "discnumber": "TPOS", "isrc": "TSRC", "copyright": "TCOP",
    "organization": "TPUB",
}  # fmt: skip
_MP4_NAMES = {
    "title": "\xa9nam", "artist": "\xa9ART", "album": "\xa9alb", "albumartist": "aART",
    "date": "\xa9day", "copyright": "cprt",
}  # fmt: skip


def make_audio(
    path: Path,
    *,
    seconds: float = 1.0,
    hertz: float = 440.0,
    tags: dict[str, str] | None = None,
) -> Path:
    """Write a stereo tone to `path` (folders are made) and return `path`.

    Tags have Vorbis comment names in lower case, whatever the form; those a form has no place of
    its own for go where its users put them (TXXX, freeform atoms).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_tone(_suffix(path), seconds, hertz))
    if tags:
        _write_tags(path, tags)
    return path


@cache
def encode_tone(suffix: str, seconds: float = 1.0, hertz: float = 440.0) -> bytes:
    """The bytes of a tone in the form that `suffix` names, without tags."""
    codec, container_name, rate = ENCODERS[suffix]
    out = BytesIO()
    options = {"fflags": "+bitexact"}
    with av.open(out, "w", format=container_name, options=options) as container:
        stream = container.add_stream(
            codec, rate=rate, options={"strict": "experimental", "flags": "+bitexact"}
        )
        stream.layout = "stereo"
        for frame in _frames(stream, seconds, hertz, rate):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def _frames(stream: av.AudioStream, seconds: float, hertz: float, rate: int) -> list:
    time = np.arange(round(seconds * rate))
    tone = (0.3 * 32767 * np.sin(2 * np.pi * hertz * time / rate)).astype(np.int16)
    whole = av.AudioFrame.from_ndarray(
        np.repeat(tone, 2).reshape(1, -1), format="s16", layout="stereo"
    )
    whole.rate, whole.pts = rate, 0
    context = stream.codec_context
    context.open()
    resampler = av.AudioResampler(
        format=context.codec.audio_formats[0].name,
        layout="stereo",
        rate=rate,
        frame_size=context.frame_size or 1024,
    )
    return [*resampler.resample(whole), *resampler.resample(None)]


def _suffix(path: Path) -> str:
    return next(s for s in sorted(ENCODERS, key=len, reverse=True) if path.name.endswith(s))


def _write_tags(path: Path, tags: dict[str, str]) -> None:
    audio = mutagen.File(path)
    if audio.tags is None:
        audio.add_tags()
    for name, value in tags.items():
        if isinstance(audio.tags, ID3):
            audio.tags.add(_id3_frame(name, value))
        elif isinstance(audio, MP4):
            _set_mp4(audio, name, value)
        else:
            audio.tags[name] = value
    audio.save()


def _id3_frame(name: str, value: str) -> TextFrame:
    if name in _ID3_NAMES:
        return Frames[_ID3_NAMES[name]](encoding=3, text=[value])
    return TXXX(encoding=3, desc=name.upper(), text=[value])


def _set_mp4(audio: MP4, name: str, value: str) -> None:
    if name in ("tracknumber", "discnumber"):
        audio.tags["trkn" if name == "tracknumber" else "disk"] = [(int(value), 0)]
    elif name in _MP4_NAMES:
        audio.tags[_MP4_NAMES[name]] = [value]
    else:
        audio.tags[f"----:com.apple.iTunes:{name.upper()}"] = [MP4FreeForm(value.encode())]

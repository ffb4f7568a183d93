"""Access copies as bytes: as long as their masters, in time with them, and the same every time."""

import hashlib
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import av
import mutagen.oggopus
import numpy as np
import pytest

from phonotheque.vault.encoding import EncodingError, encode_here
from phonotheque.vault.encoding_frames import Encoded, EncodingWants
from phonotheque.vault.ogg import walk_ogg
from phonotheque.vault.recipes import OpusSettings, opus_rate
from tests.support.audio import make_audio

NOISE = np.random.default_rng(7)


def write_wave(path: Path, samples: int, rate: int, layout: str = "stereo") -> np.ndarray:
    """Noise of the lower half of the band, as 16-bit WAVE; the samples, one row a channel."""
    channels = av.AudioLayout(layout).nb_channels
    rough = NOISE.standard_normal((channels, samples + 32)) * 4000
    smooth = np.stack([np.convolve(row, np.hanning(17) / 8, "same")[:samples] for row in rough])
    data = np.ascontiguousarray(smooth.T.reshape(1, -1)).astype(np.int16)
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(data, format="s16", layout=layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return smooth


def wants(rate: int, channels: int = 2, demuxer: str = "wav", **more: object) -> EncodingWants:
    settings = OpusSettings(
        bits_per_second=48_000 * channels, rate_hz=opus_rate(rate), source_rate_hz=rate,
        channels=channels,
    )  # fmt: skip
    return EncodingWants(demuxer=demuxer, settings=settings, **more)


def encode(path: Path, asked: EncodingWants) -> tuple[Encoded, bytes]:
    out = BytesIO()
    return encode_here(path, asked, lambda content: out.write(content) and None), out.getvalue()


def decode(content: bytes) -> np.ndarray:
    """One row a channel; packed on the way, as PyAV 18.1 trips over eight planes."""
    parts = []
    with av.open(BytesIO(content)) as container:
        layout = container.streams.audio[0].codec_context.layout
        packer = av.AudioResampler(format="flt", layout=layout, rate=48_000)
        for frame in container.decode(audio=0):
            parts += [
                p.to_ndarray().reshape(-1, layout.nb_channels).T for p in packer.resample(frame)
            ]
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("samples", [1, 479, 30_001])
def test_a_copy_is_as_long_as_its_master(tmp_path: Path, rate: int, samples: int) -> None:
    write_wave(tmp_path / "a.wav", samples, rate)
    encoded, content = encode(tmp_path / "a.wav", wants(rate))
    exact = samples * 48_000 / rate
    assert encoded.source_samples == samples and abs(encoded.samples - exact) <= 0.5
    assert decode(content).shape == (2, encoded.samples)
    pages = walk_ogg(BytesIO(content), len(content))
    assert pages.damage is None and not pages.unended


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
def test_a_copy_plays_in_time_with_its_master(tmp_path: Path, rate: int) -> None:
    heard = write_wave(tmp_path / "a.wav", rate, rate)
    copy = decode(encode(tmp_path / "a.wav", wants(rate))[1])
    assert copy.shape[1] == 48_000
    spectrum = np.fft.rfft(heard[0], rate)[: rate // 4]
    played = np.fft.rfft(copy[0], 48_000)[: rate // 4]
    both = np.fft.irfft(spectrum.conj() * played, 48_000)
    assert abs((int(np.argmax(both)) + 24_000) % 48_000 - 24_000) <= 1


@pytest.mark.parametrize("layout", ["mono", "3.0", "quad", "5.0", "5.1", "5.1(side)", "6.1", "7.1"])
def test_every_channel_keeps_its_place(tmp_path: Path, layout: str) -> None:
    channels = av.AudioLayout(layout).nb_channels
    write_wave(tmp_path / "a.wav", 12_000, 48_000, layout)
    tone = np.zeros((channels, 12_000))
    for channel in range(channels):
        tone[channel] = 9000 * np.sin(2 * np.pi * (40 + 7 * channel) * np.arange(12_000) / 12_000)
    data = np.ascontiguousarray(tone.T.reshape(1, -1)).astype(np.int16)
    with av.open(str(tmp_path / "b.wav"), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=48_000, layout=layout)
        frame = av.AudioFrame.from_ndarray(data, format="s16", layout=layout)
        frame.sample_rate = 48_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    copy = decode(encode(tmp_path / "b.wav", wants(48_000, channels))[1])
    strongest = [int(np.argmax(np.abs(np.fft.rfft(row[:12_000])))) for row in copy]
    expected = [40 + 7 * channel for channel in range(channels)]
    assert strongest == expected


def test_what_has_no_places_in_opus_is_not_encoded(tmp_path: Path) -> None:
    write_wave(tmp_path / "a.wav", 4_800, 48_000, "2.1")
    with pytest.raises(EncodingError, match="no places"):
        encode(tmp_path / "a.wav", wants(48_000, 3))


def test_a_copy_says_no_higher_rate_than_its_master_has(tmp_path: Path) -> None:
    write_wave(tmp_path / "a.wav", 22_050, 22_050)
    content = encode(tmp_path / "a.wav", wants(22_050))[1]
    head = content[content.index(b"OpusHead") :]
    assert int.from_bytes(head[12:16], "little") == 22_050
    assert int.from_bytes(head[16:18], "little") == 0  # no gain
    above = np.abs(np.fft.rfft(decode(content)[0]))[13_000:].max()
    assert above < np.abs(np.fft.rfft(decode(content)[0])).max() / 1000


def test_comments_are_copied_in_order_and_may_repeat(tmp_path: Path) -> None:
    long = "x" * 70_000
    comments = [("TITLE", "Één"), ("ARTIST", "A"), ("ARTIST", "B"), ("COMMENT", long)]
    master = make_audio(tmp_path / "a.flac")
    content = encode(master, wants(44_100, demuxer="flac", comments=comments))[1]
    read = mutagen.oggopus.OggOpus(BytesIO(content))
    assert read["title"] == ["Één"] and read["artist"] == ["A", "B"] and read["comment"] == [long]
    assert read.tags.vendor.startswith("libopus ")
    assert walk_ogg(BytesIO(content), len(content)).damage is None


def test_the_same_master_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    master = make_audio(tmp_path / "a.flac", seconds=3)
    ours = encode(master, wants(44_100, demuxer="flac"))[1]
    script = (
        "import hashlib, sys; from pathlib import Path; from tests.vault.test_encoding import *;"
        "content = encode(Path(sys.argv[1]), wants(44_100, demuxer='flac'))[1];"
        "print(hashlib.sha256(content).hexdigest())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, master], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert ran.stdout.strip() == hashlib.sha256(ours).hexdigest()


@pytest.mark.parametrize("content", [b"", b"fLaC" + bytes(5000)])
def test_what_does_not_decode_gives_no_copy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.flac").write_bytes(content)
    with pytest.raises(EncodingError):
        encode(tmp_path / "a.flac", wants(44_100, demuxer="flac"))


def test_a_master_that_changes_its_rate_on_the_way_gives_no_copy(tmp_path: Path) -> None:
    master = make_audio(tmp_path / "a.flac")
    with pytest.raises(EncodingError, match="44100 Hz"):
        encode(master, wants(48_000, demuxer="flac"))

"""What a file is, by its content and never by its name (docs/audio.md).

PRONOM ids after fido formats v116; `phono/…` where PRONOM has none. Every read is bounded.
"""

from dataclasses import dataclass
from typing import BinaryIO

from phonotheque.vault.playlists import is_dash, is_hls

SCAN_BYTES = 65_536  # how far behind an ID3 tag the first MPEG frame may stand
MAX_ID3_TAGS = 4
MAX_RIFF_CHUNKS = 64
MAX_OGG_PAGES = 16
HEAD_BYTES = 8_192


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One form of audio file.

    `demuxer` is the only libav demuxer that may open it; "" means the form is known but not
    admitted. `codecs` are the libav decoders allowed to come out of it.
    """

    puid: str
    name: str
    media_type: str
    extension: str
    demuxer: str = ""
    codecs: tuple[str, ...] = ()

    @property
    def admitted(self) -> bool:
        """Whether the vault takes this form at all."""
        return bool(self.demuxer)


@dataclass(frozen=True, slots=True)
class Identified:
    """A form, and where the audio begins behind leading ID3 tags (`offset_bytes`)."""

    format: AudioFormat
    offset_bytes: int = 0


_PCM = ("pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_u8", "pcm_f32le", "pcm_f64le")
_AIFF_PCM = (
    "pcm_s8", "pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32be", "pcm_f64be", "pcm_s16le",
)  # fmt: skip


def _wave(puid: str, name: str) -> AudioFormat:
    return AudioFormat(puid, name, "audio/wav", "wav", "wav", _PCM)


FLAC = AudioFormat("fmt/279", "FLAC", "audio/flac", "flac", "flac", ("flac",))
OGG_VORBIS = AudioFormat("fmt/203", "Ogg Vorbis", "audio/ogg", "ogg", "ogg", ("vorbis",))
OGG_OPUS = AudioFormat("fmt/946", "Ogg Opus", "audio/ogg", "opus", "ogg", ("opus",))
OGG_FLAC = AudioFormat("fmt/947", "Ogg FLAC", "audio/ogg", "oga", "ogg", ("flac",))
OGG_SPEEX = AudioFormat("fmt/948", "Ogg Speex", "audio/ogg", "spx", "ogg", ("speex",))
MP3 = AudioFormat("fmt/134", "MPEG audio layer 3", "audio/mpeg", "mp3", "mp3", ("mp3",))
AIFF = AudioFormat("fmt/414", "AIFF", "audio/x-aiff", "aiff", "aiff", _AIFF_PCM)
AIFC = AudioFormat("x-fmt/136", "AIFF-C", "audio/x-aiff", "aifc", "aiff", _AIFF_PCM)
M4A = AudioFormat("fmt/199", "MPEG-4 audio (AAC)", "audio/mp4", "m4a", "mov", ("aac",))
M4A_ALAC = AudioFormat("fmt/596", "MPEG-4 audio (ALAC)", "audio/mp4", "m4a", "mov", ("alac",))
WAVPACK = AudioFormat("phono/wavpack", "WavPack", "audio/x-wavpack", "wv", "wv", ("wavpack",))

WAVE_GENERIC = _wave("fmt/6", "WAVE")
_WAVE_BY_TAG = {
    1: _wave("fmt/141", "WAVE PCM"),
    3: _wave("fmt/142", "WAVE PCM (extended)"),
    0xFFFE: _wave("fmt/143", "WAVE extensible"),
}
_BWF_BY_TAG = {
    1: [_wave(f"fmt/{703 + v}", f"Broadcast WAVE {v} PCM") for v in range(3)],
    0xFFFE: [_wave(f"fmt/{709 + v}", f"Broadcast WAVE {v} extensible") for v in range(3)],
}
RF64 = _wave("fmt/712", "RF64")
RF64_MBWF = _wave("fmt/713", "RF64 (MBWF)")

# known only to be refused with the right word
ASF = AudioFormat("fmt/131", "ASF/WMA", "audio/x-ms-wma", "wma")
MATROSKA = AudioFormat("fmt/569", "Matroska/WebM", "audio/x-matroska", "mka")
AUDIBLE = AudioFormat("phono/audible", "Audible", "audio/vnd.audible", "aa")
OPENMG = AudioFormat("phono/openmg", "Sony OpenMG", "audio/x-oma", "oma")
HLS = AudioFormat("phono/hls", "HLS playlist", "application/vnd.apple.mpegurl", "m3u8")
DASH = AudioFormat("phono/dash", "DASH manifest", "application/dash+xml", "mpd")
OMA_MESSAGE = AudioFormat(
    "phono/oma-dm", "OMA DRM message", "application/vnd.oma.drm.message", "dm"
)
OMA_DCF = AudioFormat("phono/oma-dcf", "OMA DRM content", "application/vnd.oma.drm.content", "dcf")

ALL_FORMATS = (
    FLAC, OGG_VORBIS, OGG_OPUS, OGG_FLAC, OGG_SPEEX, MP3, AIFF, AIFC, M4A, M4A_ALAC, WAVPACK,
    WAVE_GENERIC, *_WAVE_BY_TAG.values(), *_BWF_BY_TAG[1], *_BWF_BY_TAG[0xFFFE], RF64, RF64_MBWF,
    ASF, MATROSKA, AUDIBLE, OPENMG, OMA_DCF, OMA_MESSAGE, HLS, DASH,
)  # fmt: skip

_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_OGG_CODECS = (
    (b"\x01vorbis", OGG_VORBIS),
    (b"OpusHead", OGG_OPUS),
    (b"\x7fFLAC", OGG_FLAC),
    (b"Speex   ", OGG_SPEEX),
)


def identify(stream: BinaryIO) -> Identified | None:
    """The form of the file open in `stream` (seekable), or None. Reads less than 2 MiB.

    An MPEG-4 file comes back as `M4A`; whether it is AAC or ALAC is for the box walk to say.
    """
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    if found := _by_magic(head):
        return Identified(found)
    if head[:4] == b"OggS":
        codec = _ogg_codec(stream)
        return Identified(codec) if codec else None
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return Identified(_wave_kind(stream, head[:4] == b"RF64"))
    return _behind_id3(stream)


def _by_magic(head: bytes) -> AudioFormat | None:
    if head[:4] == b"fLaC":
        return FLAC
    if head[4:8] == b"ftyp":
        return M4A
    if head[:4] == b"FORM":
        return {b"AIFF": AIFF, b"AIFC": AIFC}.get(head[8:12])
    if head[:4] == b"wvpk":
        return WAVPACK
    return _refused_by_magic(head)


def _refused_by_magic(head: bytes) -> AudioFormat | None:
    if head[:16] == _ASF_HEADER:
        return ASF
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return MATROSKA
    if head[4:8] == b"\x57\x90\x75\x36":
        return AUDIBLE
    if head[:3] in (b"EA3", b"ea3"):
        return OPENMG
    return _other_by_text(head)


def _other_by_text(head: bytes) -> AudioFormat | None:
    if is_oma_dcf(head):
        return OMA_DCF
    if is_oma_message(head):
        return OMA_MESSAGE
    if is_hls(head):
        return HLS
    return DASH if is_dash(head) else None


def is_oma_dcf(head: bytes) -> bool:
    """Whether these first bytes are an OMA DRM 1 container: 1, two lengths, type, ``cid:``."""
    if len(head) < 8 or head[0] != 1:
        return False
    media_type = head[3 : 3 + head[1]]
    after = head[3 + head[1] :]
    return b"/" in media_type and media_type.isascii() and after.startswith(b"cid:")


def is_oma_message(head: bytes) -> bool:
    """Whether these first bytes are an OMA DRM 1 message: MIME parts from the first line on."""
    boundary, newline, rest = head.partition(b"\n")
    headers = rest.partition(b"\r\n\r\n")[0].lower()
    return boundary.startswith(b"--") and bool(newline) and b"content-type:" in headers


def _ogg_codec(stream: BinaryIO) -> AudioFormat | None:
    """The first audio codec among the beginning-of-stream pages."""
    position = 0
    for _ in range(MAX_OGG_PAGES):
        stream.seek(position)
        page = stream.read(27 + 255 + 64)
        if page[:4] != b"OggS" or len(page) < 28 or not page[5] & 2:
            return None
        lacing = page[27 : 27 + page[26]]
        packet = page[27 + page[26] :]
        for magic, form in _OGG_CODECS:
            if packet.startswith(magic):
                return form
        position += 27 + page[26] + sum(lacing)
    return None


def _wave_kind(stream: BinaryIO, rf64: bool) -> AudioFormat:
    tag, bext_version = None, None
    for name, start, size in iter_riff_chunks(stream):
        stream.seek(start)
        if name == b"fmt " and size >= 2:
            tag = int.from_bytes(stream.read(2), "little")
        elif name == b"bext" and size >= 348:
            stream.seek(start + 346)
            bext_version = int.from_bytes(stream.read(2), "little")
        elif name == b"data":
            break
    if rf64:
        return RF64 if bext_version is None else RF64_MBWF
    if bext_version is not None and tag in _BWF_BY_TAG:
        return _BWF_BY_TAG[tag][min(bext_version, 2)]
    return _WAVE_BY_TAG.get(tag or 0, WAVE_GENERIC)


def iter_riff_chunks(stream: BinaryIO) -> "list[tuple[bytes, int, int]]":
    """(name, start of the content, stated size) of the first chunks, up to and with ``data``."""
    chunks: list[tuple[bytes, int, int]] = []
    position = 12
    for _ in range(MAX_RIFF_CHUNKS):
        stream.seek(position)
        header = stream.read(8)
        if len(header) < 8:
            break
        size = int.from_bytes(header[4:8], "little")
        chunks.append((header[:4], position + 8, size))
        if header[:4] == b"data":
            break
        position += 8 + size + size % 2
    return chunks


def _behind_id3(stream: BinaryIO) -> Identified | None:
    position = skip_id3(stream)
    stream.seek(position)
    window = stream.read(SCAN_BYTES)
    if window[:4] == b"fLaC":
        return Identified(FLAC, position)
    if window[:3] in (b"EA3", b"ea3"):
        return Identified(OPENMG, position)
    frame = _first_mpeg_frame(window)
    return None if frame is None else Identified(MP3, position + frame)


def skip_id3(stream: BinaryIO) -> int:
    """Where the audio begins behind leading ID3v2 tags; 0 when there are none."""
    position = 0
    for _ in range(MAX_ID3_TAGS):
        stream.seek(position)
        size = id3_tag_bytes(stream.read(10))
        if size == 0:
            break
        position += size
    return position


def id3_tag_bytes(header: bytes) -> int:
    """Length of the ID3v2 tag that begins with these ten bytes, header and footer in; else 0."""
    if len(header) < 10 or header[:3] != b"ID3" or header[3] == 0xFF or max(header[6:10]) > 127:
        return 0
    size = 0
    for byte in header[6:10]:
        size = size << 7 | byte
    return size + (20 if header[5] & 0x10 else 10)


_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_KBPS_V1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_V2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


@dataclass(frozen=True, slots=True)
class MpegFrame:
    """The header of one MPEG layer 3 frame."""

    version: int  # 3 = MPEG 1, 2 = MPEG 2, 0 = MPEG 2.5
    rate_hz: int
    mono: bool
    size_bytes: int

    @property
    def samples(self) -> int:
        """Samples per channel in a frame."""
        return 1152 if self.version == 3 else 576


def parse_mpeg_header(header: bytes) -> MpegFrame | None:
    """The layer 3 frame that begins with these four bytes, or None (free format included)."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate_index, bitrate_index = header[2] >> 2 & 3, header[2] >> 4
    if version == 1 or layer != 1 or rate_index == 3 or bitrate_index in (0, 15):
        return None
    rate_hz = _RATES_HZ[version][rate_index]
    kbps = (_KBPS_V1 if version == 3 else _KBPS_V2)[bitrate_index]
    size = (144 if version == 3 else 72) * kbps * 1000 // rate_hz + (header[2] >> 1 & 1)
    return MpegFrame(version, rate_hz, header[3] >> 6 == 3, size)


def _first_mpeg_frame(window: bytes) -> int | None:
    """Offset of the first frame that a second one of the same kind follows."""
    position = window.find(b"\xff")
    while position >= 0:
        frame = parse_mpeg_header(window[position : position + 4])
        if frame is not None and _frame_follows(window, position, frame):
            return position
        position = window.find(b"\xff", position + 1)
    return None


def _frame_follows(window: bytes, position: int, frame: MpegFrame) -> bool:
    after = position + frame.size_bytes
    following = parse_mpeg_header(window[after : after + 4])
    return (
        following is not None
        and following.version == frame.version
        and following.rate_hz == frame.rate_hz
    )

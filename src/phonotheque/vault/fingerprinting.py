"""Chromaprint fingerprints (algorithm 1, "TEST2") of the whole duration, by libchromaprint.

libav makes the audio mono at 11,025 Hz with the settings that `fpcalc` uses, so that libchromaprint
need not, which takes it longer than all the rest. The items are those of `fpcalc -raw -length 0`.
"""

import ctypes
from ctypes import POINTER, byref, c_int, c_uint32, c_void_p
from typing import Any

from phonotheque.vault.chromaprint import LIBRARY, load_chromaprint
from phonotheque.vault.filtering import Chain

ALGORITHM = 1
RATE_HZ = 11_025
_RESAMPLE = "11025:resampler=swr:filter_size=16:phase_shift=8:linear_interp=1:cutoff=0.8"
_FORM = "sample_fmts=s16:channel_layouts=mono:sample_rates=11025"


class Fingerprinter:
    """Fed with frames of one form, of which `frame` is an example.

    Raises:
        av.error.FFmpegError, ValueError: libavfilter does not take this form.
        RuntimeError: there is no libchromaprint.
    """

    def __init__(self, frame: Any) -> None:
        self._library = load_chromaprint()
        if self._library is None:
            raise RuntimeError(LIBRARY)
        self._chain = Chain(frame, [("aresample", _RESAMPLE), ("aformat", _FORM)])
        self._context = c_void_p(self._library.chromaprint_new(ALGORITHM))
        self._library.chromaprint_start(self._context, RATE_HZ, 1)

    def feed(self, frame: Any | None) -> None:
        """Hear the next frame; None: there are no more."""
        for heard in self._chain.push(frame):
            at = c_void_p(heard.planes[0].buffer_ptr)
            self._library.chromaprint_feed(self._context, at, heard.samples)

    def finish(self) -> bytes:
        """The items, uint32 little-endian; b"" when the audio is too short for one."""
        self.feed(None)
        items, count = POINTER(c_uint32)(), c_int()
        self._library.chromaprint_finish(self._context)
        self._library.chromaprint_get_raw_fingerprint(self._context, byref(items), byref(count))
        content = ctypes.string_at(items, count.value * 4) if items and count.value else b""
        self._library.chromaprint_dealloc(items)
        return content

    def close(self) -> None:
        """Free what the library holds."""
        context, self._context = self._context, c_void_p()
        self._library.chromaprint_free(context)

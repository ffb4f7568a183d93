"""libchromaprint, where it is installed: it is looked for once, and nothing needs it.

It is asked to compute and never to decode: before 1.6.1 it trusts encoded fingerprints.
"""

import ctypes
from ctypes import POINTER, c_char_p, c_int, c_uint32, c_void_p
from functools import cache
from typing import Any

from phonotheque.model.findings import Finding, FindingCode, Severity

LIBRARY = "libchromaprint.so.1"
PACKAGE = "libchromaprint1"


@cache
def load_chromaprint() -> Any:
    """The library, or None where it is not installed or is not what it should be."""
    try:
        library = ctypes.CDLL(LIBRARY)
        library.chromaprint_get_version.restype = c_char_p
        library.chromaprint_new.restype = c_void_p
        library.chromaprint_new.argtypes = [c_int]
        library.chromaprint_free.argtypes = [c_void_p]
        library.chromaprint_start.argtypes = [c_void_p, c_int, c_int]
        library.chromaprint_feed.argtypes = [c_void_p, c_void_p, c_int]
        library.chromaprint_finish.argtypes = [c_void_p]
        library.chromaprint_get_raw_fingerprint.argtypes = [
            c_void_p, POINTER(POINTER(c_uint32)), POINTER(c_int),
        ]  # fmt: skip
        library.chromaprint_dealloc.argtypes = [c_void_p]
    except (OSError, AttributeError):
        return None
    return library


def fingerprint_tool() -> str:
    """What computes fingerprints here, with its version; "" when nothing does."""
    library = load_chromaprint()
    return f"libchromaprint/{library.chromaprint_get_version().decode()}" if library else ""


def find_no_fingerprint(where: str) -> Finding | None:
    """The finding that this machine can compute none; for once a run."""
    if fingerprint_tool():
        return None
    message = f"no fingerprints: {LIBRARY} is missing; apt install {PACKAGE}, then examine anew"
    return Finding(FindingCode.AUDIO_NO_FINGERPRINT, Severity.INFO, where, message)

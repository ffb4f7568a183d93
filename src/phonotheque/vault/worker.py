"""The worker process: reads requests on standard input, examines, answers on standard output.

Frames are four bytes of length (big-endian) and MessagePack. The worker ends when its input ends,
ends itself by SIGALRM when a file takes too long (also when its parent is gone), may not write
files, and may not hold more memory than it was given.
"""

import os
import resource
import signal
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.vault.examination import Examination, Limits, printable
from phonotheque.vault.frames import Request, read_frame, write_frame
from phonotheque.vault.judge import examine_here


def limit_process(limits: Limits) -> None:
    """No core dumps, no writing, and `limits.memory_bytes` beyond what is mapped now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    ceiling = pages * os.sysconf("SC_PAGE_SIZE") + limits.memory_bytes
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, resource.RLIM_INFINITY))


def answer(request: Request) -> Examination:
    """Examine; running out of memory is a finding."""
    path = Path(os.fsdecode(request.path))
    try:
        return examine_here(path)
    except MemoryError:
        where = printable(path)
        message = f"needs more than {request.limits.memory_bytes} bytes of memory to decode"
        finding = Finding(FindingCode.AUDIO_LIMIT, Severity.ERROR, where, message)
        return Examination(path=where, findings=(finding,))


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    first = True
    while (frame := read_frame(requests)) is not None:
        request = msgspec.msgpack.decode(frame, type=Request)
        if first:
            limit_process(request.limits)
            first = False
        signal.alarm(request.limits.seconds)  # default action: end this process
        examination = answer(request)
        signal.alarm(0)
        write_frame(answers, msgspec.msgpack.encode(examination))


def main() -> None:
    """Serve on the process's own standard streams; libraries that print cannot disturb it."""
    answers = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to act on
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()

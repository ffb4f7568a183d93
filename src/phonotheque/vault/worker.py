"""The worker process: takes requests and open files from a Unix socket that is its standard input,
looks at them, and answers (`vault.frames`).

The worker ends when its socket ends, ends itself by SIGALRM when a file takes too long (also when
its parent is gone), may not write files, and may not hold more memory than it was given. It has no
path of the file but ``/proc/self/fd/N``.
"""

import os
import resource
import signal
import socket
from pathlib import Path

import msgspec

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.vault.examination import Examination, Limits
from phonotheque.vault.frames import Request, receive_request, send_answer
from phonotheque.vault.judge import examine_here, read_tags_here


def limit_process(limits: Limits) -> None:
    """No core dumps, no writing (to a memfd neither), and `limits.memory_bytes` beyond what is
    mapped now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    ceiling = pages * os.sysconf("SC_PAGE_SIZE") + limits.memory_bytes
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, resource.RLIM_INFINITY))


def answer(request: Request, descriptor: int) -> Examination:
    """Examine; running out of memory is a finding."""
    path = Path(f"/proc/self/fd/{descriptor}")
    try:
        look = read_tags_here if request.task == "tags" else examine_here
        return look(path, request.name, request.wants)
    except MemoryError:
        message = f"needs more than {request.limits.memory_bytes} bytes of memory to decode"
        finding = Finding(FindingCode.AUDIO_LIMIT, Severity.ERROR, request.name, message)
        return Examination(path=request.name, findings=(finding,))


def serve(connection: socket.socket) -> None:
    """Answer requests until there are no more."""
    first = True
    while (received := receive_request(connection)) is not None:
        request, descriptor = received
        if first:
            limit_process(request.limits)
            first = False
        signal.alarm(request.limits.seconds)  # default action: end this process
        try:
            content = msgspec.msgpack.encode(answer(request, descriptor))
        finally:
            os.close(descriptor)
        signal.alarm(0)
        send_answer(connection, content)


def main() -> None:
    """Serve the socket; libraries that print, or read, cannot disturb it."""
    connection = socket.socket(fileno=os.dup(0))
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to act on
    try:
        send_answer(connection, b"")  # ready
        serve(connection)
    except (BrokenPipeError, ConnectionResetError):
        return  # the parent is gone


if __name__ == "__main__":
    main()

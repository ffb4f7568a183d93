"""A worker of the vault that misbehaves as the name of the file asks: for tests of the pool."""

import os
import signal
import time
from pathlib import Path

from phonotheque.vault import worker
from phonotheque.vault.examination import Examination, Wants
from phonotheque.vault.frames import send_answer

ANSWERS = {
    "mad-0": b"",
    "mad-1": b"\xc1" * 9,
    "mad-2": b"\x81\xa4path\xa2\xff\xfe",
    "mad-3": b"\x80",
}


def examine_as_named(path: Path, name: str, wants: Wants) -> Examination:
    """Crash, hang, eat memory or die, or say which process looked at the file."""
    if name.startswith("crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if name.startswith("stubborn"):
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
    if name.startswith(("hang", "stubborn")):
        time.sleep(60)
    if name.startswith("hungry"):
        bytearray(8 << 30)
    if name.startswith("write"):
        Path(path.read_text()).write_bytes(b"x" * 100)
    if name.startswith("noisy"):
        os.write(1, b"a library prints this\n")
    if name.startswith("mad"):
        lie = ANSWERS[name]
        worker.send_answer = lambda connection, _: send_answer(connection, lie)
    if name.startswith("slow"):
        time.sleep(0.2)
    return Examination(path=str(path), decoder=str(os.getpid()))


if __name__ == "__main__":
    worker.examine_here = worker.read_tags_here = examine_as_named
    worker.main()

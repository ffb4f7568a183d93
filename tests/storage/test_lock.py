"""One writer at a time, and none after a crash."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from phonotheque.model.errors import ArchiveBusyError
from phonotheque.storage.lock import writing

HOLD = """
import sys, time
from pathlib import Path
from phonotheque.storage.lock import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_told_to_wait_until_the_first_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(ArchiveBusyError, match="another phonotheque process"),
            writing(tmp_path),
        ):
            pass
        os.kill(first.pid, 9)
    with writing(tmp_path):
        pass


def test_the_lock_is_free_again_when_the_writer_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), writing(tmp_path / "new"):
        raise RuntimeError
    with writing(tmp_path / "new"):
        assert (tmp_path / "new" / ".lock").exists()


def test_writers_of_different_archives_do_not_meet(tmp_path: Path) -> None:
    with writing(tmp_path / "a"), writing(tmp_path / "b"):
        pass

"""The fuzz targets hold on their seeds and on seeds changed at random; with atheris, where it is,
for longer."""

import importlib.util
import subprocess
import sys
from random import Random

import pytest

from tests.conftest import REPOSITORY
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

ROUNDS = 15  # of changes to every seed
FUZZ_SECONDS = 60


def changed(content: bytes, random: Random) -> bytes:
    """The content with some bytes changed, taken out, or put in twice."""
    out = bytearray(content)
    for _ in range(random.randrange(1, 6)):
        at, length = random.randrange(len(out) + 1), random.choice((1, 1, 2, 4, 8))
        match random.randrange(4):
            case 0:
                out[at : at + length] = random.randbytes(length)
            case 1:
                out[at : at + length] = random.choice((b"\xff", b"\0", b"\x7f")) * length
            case 2:
                del out[at : at + random.randrange(40)]
            case _:
                out[at:at] = out[at : at + random.randrange(40)]
    return bytes(out)


@pytest.mark.parametrize("name", TARGETS)
def test_no_content_makes_a_parser_fail(name: str) -> None:
    random = Random(name)
    for seed in seeds():
        TARGETS[name](seed)
        for _ in range(ROUNDS):
            TARGETS[name](changed(seed, random))


@pytest.mark.full
@pytest.mark.fuzz
@pytest.mark.timeout(FUZZ_SECONDS * 5)
def test_a_minute_of_fuzzing_finds_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not here; it has wheels for CPython 3.11: requirements-fuzz.lock")
    found = tmp_path_factory.mktemp("found")
    command = [sys.executable, "-m", "tests.fuzz", "--seconds", str(FUZZ_SECONDS)]
    command += ["--found", str(found)]
    ran = subprocess.run(command, check=False, cwd=REPOSITORY, capture_output=True, text=True)
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout + ran.stderr

"""The decoder testbench of the FLAC project (CC0), judged file by file."""

from pathlib import Path

import pytest

from phonotheque.model.findings import FindingCode as Code
from tests.support.examining import examine_here

REFUSED = {
    "faulty/01 - wrong max blocksize": Code.AUDIO_DECODE_FAILED,
    "faulty/03 - wrong bit depth": Code.AUDIO_DECODE_FAILED,
    "faulty/06 - missing streaminfo metadata block": Code.AUDIO_DECODE_FAILED,
    "faulty/07 - other metadata blocks preceding streaminfo metadata block":
        Code.AUDIO_DECODE_FAILED,
    "faulty/08 - blocksize 65536": Code.AUDIO_DECODE_FAILED,
    "faulty/09 - blocksize 1": Code.AUDIO_DECODE_FAILED,
    "faulty/11 - incorrect metadata block length": Code.AUDIO_NO_AUDIO,
    "uncommon/04 - changing bitdepth": Code.AUDIO_DECODE_FAILED,
    "uncommon/10 - file starting at frame header": Code.FILE_UNKNOWN_FORMAT,
    "uncommon/11 - file starting with unparsable data": Code.FILE_UNKNOWN_FORMAT,
}  # fmt: skip
DOUBTED = {
    "faulty/04 - wrong number of channels",
    "faulty/05 - wrong total number of samples",
    "uncommon/01 - changing samplerate",
    "uncommon/02 - increasing number of channels",
    "uncommon/03 - decreasing number of channels",
}
SOUND = {
    "faulty/02 - wrong maximum framesize": 16,
    "faulty/10 - invalid vorbis comment metadata block": 16,
    "uncommon/05 - 32bps audio": 32,
    "uncommon/07 - 15 bit per sample": 15,
    "uncommon/08 - blocksize 65535": 16,
    "uncommon/09 - Rice partition order 15": 16,
}


@pytest.mark.parametrize(("name", "code"), REFUSED.items())
def test_what_cannot_be_decoded_whole_is_refused(shared_data: Path, name: str, code: Code) -> None:
    seen = examine_here(shared_data / f"conformance/flac/{name}.flac")
    assert not seen.admissible
    assert seen.findings[0].code is code


@pytest.mark.parametrize("name", sorted(DOUBTED))
def test_whole_audio_under_a_wrong_header_is_kept_with_a_doubt(
    shared_data: Path, name: str
) -> None:
    seen = examine_here(shared_data / f"conformance/flac/{name}.flac")
    assert seen.admissible
    assert [f.code for f in seen.findings] == [Code.AUDIO_WRONG_HEADER]


@pytest.mark.parametrize(("name", "bits"), SOUND.items())
def test_uncommon_but_sound_audio_is_kept_and_its_md5_holds(
    shared_data: Path, name: str, bits: int
) -> None:
    seen = examine_here(shared_data / f"conformance/flac/{name}.flac")
    doubts = [f.code for f in seen.findings if f.code is not Code.TAGS_UNREADABLE]
    assert (seen.admissible, doubts, seen.bits) == (True, [], bits)


def test_every_file_of_the_testbench_is_judged(shared_data: Path) -> None:
    folder = shared_data / "conformance/flac"
    names = {str(p.relative_to(folder).with_suffix("")) for p in Path(folder).rglob("*.flac")}
    assert names == {*REFUSED, *DOUBTED, *SOUND}

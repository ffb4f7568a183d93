"""Whatever goes wrong: the mirror holds only sound bytes, says what happened, and goes on.

docs/operations/faults.md is made by these tests (`make docs-faults`): its tables say what a person
sees. In the long run every row is tried and compared; the everyday run tries a few.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from phonotheque.mirror import read_mirror
from phonotheque.model.errors import ExitCode
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.mirror import fire, fire_faults
from tests.mirror.conftest import Follower, files_below
from tests.mirror.fire import ELSEWHERE, Fault, Scene
from tests.mirror.fire_commands import GET, PLAN, REPAIR, SYNC, Before, nothing_outside
from tests.support.clock import TufClock
from tests.support.origin import TinyOrigin, copied
from tests.support.rogue import ENOUGH, RogueServer

PAGE = Path(__file__).parents[2] / "docs/operations/faults.md"
RENEW = "PHONOTHEQUE_RENEW_FAULTS"
SECTIONS = {
    "The server": (SYNC, fire.SERVER),
    "Several origins": (SYNC, fire_faults.ORIGINS),
    "The signatures": (SYNC, fire.SIGNATURES),
    "Names and links": (SYNC, fire.NAMES),
    "The swarm": (SYNC, fire.SWARM),
    "The machine": (SYNC, fire.MACHINE),
    "Planning": (PLAN, fire_faults.PLAN),
    "Repairing": (REPAIR, fire_faults.REPAIR),
    "Getting one recording": (GET, fire_faults.GET),
}
EVERYDAY = {"cuts an answer off, once", "gives wrong bytes of the right length",
            "sends a table of the edition without end", "it gives wrong bytes",
            "its table of volumes is another"}  # fmt: skip
FAULTS = [(section, fault) for section, (_, faults) in SECTIONS.items() for fault in faults]


@pytest.fixture
def scene(
    published: TinyOrigin, copied_mirror: Tree, tuf_clock: TufClock, tmp_path: Path
) -> Iterator[Scene]:
    """A whole mirror, and an origin that may be spoilt."""
    origin = copied(published, tmp_path / "origin")
    shutil.copytree(copied_mirror.root, tmp_path / "mirror", symlinks=True)
    (tmp_path / "elsewhere").write_bytes(ELSEWHERE)
    with RogueServer(origin.root) as server:
        follower = Follower(origin, server, Tree(tmp_path / "mirror"))
        settings = read_mirror(follower.tree)
        write_document(
            follower.tree.mirror_toml, msgspec.structs.replace(settings, origin=server.url)
        )
        made = Scene(follower, server, tuf_clock, tmp_path)
        yield made
        made.heal()


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        pytest.param(*entry, id=f"{entry[0]}: {entry[1].name}",
                     marks=() if entry[1].name in EVERYDAY else (pytest.mark.full,))
        for entry in FAULTS
    ],
)  # fmt: skip
def test_under_fire_a_mirror_stays_sound_says_why_and_goes_on(
    scene: Scene, section: str, fault: Fault
) -> None:
    command, _ = SECTIONS[section]
    command.prepare(scene)
    before = Before(files_below(scene.origin.tree.volumes), files_below(scene.tree.volumes))
    fault.arm(scene)
    code, said = command.run(scene)
    command.holds(scene, code, before)
    nothing_outside(scene)
    assert "should not have happened" not in said
    assert code == fault.code, said
    assert all(given < ENOUGH / 4 for given in scene.given), "an endless answer is cut off"
    scene.heal()
    assert command.run(scene) == (ExitCode.OK, "")
    nothing_outside(scene)
    command.is_done(scene, before)
    compare(section, fault, row(fault, code, plain(said, scene)))


def plain(said: str, scene: Scene) -> str:
    """What is said, without what differs from run to run."""
    said = said.replace(scene.server.url, "https://archive.example")
    for address, name in scene.also.items():
        said = said.replace(address, name)
    said = said.replace(str(scene.tree.root), "MIRROR").replace(str(scene.origin.root), "ORIGIN")
    said = said.replace(str(scene.folder), "FOLDER")
    said = re.sub(r"port=\d+", "port=443", said.replace("127.0.0.1", "archive.example"))
    said = re.sub(r"<[\w.]+(\([^)]*\))?( object)? at 0x[0-9a-f]+>", "…", said)
    said = re.sub(r"tiny-tier1-00001/[\w./ %-]+?\.(ogg|txt)", "VOLUME/FILE", said)
    said = re.sub(r"(catalogue/\w+/)[\w.-]+parquet", r"\1….parquet", said)
    said = re.sub(r"(?<=/)(tmp\w{8}|\.[\w.]+\.partial)", "…", said)
    said = re.sub(r"[0-9a-f]{32,}", "…", said)
    said = re.sub(r"\d+(?=[,\d]* (bytes|free))|at byte \d+|\(\d+ bytes read.*?\)", "…", said)
    return said.replace("|", "\\|").replace("\n", " ")


def row(fault: Fault, code: ExitCode, said: str) -> str:
    """The fault's row of the page."""
    return f"| {fault.name} | {code.value} | {said or 'nothing: all files came'} |"


def compare(section: str, fault: Fault, made: str) -> None:
    """The row stands in the page; where the page is being renewed, it is put there."""
    lines = PAGE.read_text().splitlines()
    if os.environ.get(RENEW):
        PAGE.write_text("\n".join(_renewed(lines, section, fault, made)) + "\n")
        return
    assert made in lines, f"{PAGE.name} says otherwise; `make docs-faults` renews it"


def _renewed(lines: list[str], section: str, fault: Fault, made: str) -> list[str]:
    start = lines.index(f"## {section}")
    end = next((n for n in range(start + 1, len(lines)) if lines[n].startswith("## ")), len(lines))
    names = [other.name for other in SECTIONS[section][1]]
    head = lines.index("|---|---|---|", start, end) + 1
    rows = {line.split(" | ")[0][2:]: line for line in lines[head:end] if line.startswith("| ")}
    rows[fault.name] = made
    body = [rows[name] for name in names if name in rows]
    after = [line for line in lines[head:end] if not line.startswith("| ")]
    return [*lines[:head], *body, *after, *lines[end:]]


def test_the_page_lists_every_fault_and_no_other() -> None:
    lines = PAGE.read_text().splitlines()
    listed = [line.split(" | ")[0][2:] for line in lines if re.search(r" \| \d+ \| ", line)]
    assert listed == [fault.name for _, fault in FAULTS]

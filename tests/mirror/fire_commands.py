"""The commands that are put under fire: what is there before, how they run, what must hold after.

`SYNC` lacks its edition and a volume; `REPAIR` has bad pieces in one file and lacks another; `GET`
knows an address and its root alone; `PLAN` is a first contact.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from phonotheque.cli.failures import describe_failure
from phonotheque.mirror import (
    Limits,
    RepairOptions,
    Via,
    get,
    plan_mirror,
    read_plan,
    repair,
    save_plan,
)
from phonotheque.mirror.origin import open_origin
from phonotheque.model.errors import ExitCode
from phonotheque.storage.layout import Tree
from tests.mirror.conftest import LOOPBACK, files_below, flip
from tests.mirror.fire import BAG, ELSEWHERE, SONG, Scene, lose
from tests.mirror.test_getting import public_id
from tests.support.clock import NOW

IMPATIENT = Limits(
    attempts=2, backoff_seconds=0.01, timeout_seconds=0.5, stall_seconds=2.0,
    longest_wait_seconds=0.1, least_bytes_per_second=10_000, least_seconds=0.4,
)  # fmt: skip
OTHER = f"{BAG}/data/artist 2/song-2.ogg"
Said = tuple[ExitCode, str]
Files = dict[str, bytes]


@dataclass(frozen=True)
class Before:
    """What was published, and what the mirror had before the fault; by path below `volumes/`."""

    sound: Files
    had: Files


@dataclass(frozen=True)
class Command:
    """`run` is its exit code and what it says. `holds` after the fault, `is_done` once more when
    all is well again."""

    prepare: Callable[[Scene], object]
    run: Callable[[Scene], Said]
    holds: Callable[[Scene, ExitCode, Before], None]
    is_done: Callable[[Scene, Before], None]


def said_by(action: Callable[[], Any]) -> Said:
    """What a command ends with that has no findings."""
    try:
        report = action()
    except Exception as error:
        text, code = describe_failure(error)
        return code, text
    found = getattr(report, "findings", None)
    if not found:
        return ExitCode.OK, ""
    worst = min(found, key=lambda f: (f.where != SONG, f.where))
    return ExitCode.FINDINGS, f"{worst.severity} {worst.code} {worst.where}: {worst.message}"


def nothing_outside(scene: Scene) -> None:
    """Nothing was written but where it belongs."""
    assert (scene.folder / "elsewhere").read_bytes() == ELSEWHERE
    around = {path.name for path in scene.folder.iterdir()}
    ours = {"mirror", "origin", "elsewhere", "empty", "impostor", "liar", "heap", "got", "new"}
    assert around <= ours
    empty = scene.folder / "empty"
    assert not empty.exists() or not list(empty.iterdir())


def all_sound(scene: Scene, code: ExitCode, before: Before) -> None:
    """Each file is what was published, or as bad as it was."""
    for path in scene.tree.volumes.rglob("*"):
        if path.is_file() and not path.is_symlink():
            name = path.relative_to(scene.tree.volumes).as_posix()
            allowed = (before.sound[name], before.had.get(name))
            assert path.read_bytes() in allowed, f"{name} is not what was published"


def _whole(scene: Scene, before: Before) -> None:
    assert files_below(scene.tree.volumes) == before.sound
    assert scene.follower.verify().clean


# -------------------------------------------------------------------------------- sync


SYNC = Command(
    lose,
    lambda scene: said_by(lambda: scene.follower.sync(limits=IMPATIENT, **scene.options)),
    all_sound,
    _whole,
)


# -------------------------------------------------------------------------------- repair


def _damage(scene: Scene) -> None:
    flip(scene.tree.root / SONG, 70_000, 199_999)
    (scene.tree.root / OTHER).unlink()


def _repair(scene: Scene) -> Said:
    options = RepairOptions(limits=IMPATIENT, listen=LOOPBACK, **scene.options)
    return said_by(lambda: repair(scene.tree, scene.follower.notes, now=NOW, options=options))


REPAIR = Command(_damage, _repair, all_sound, _whole)


# -------------------------------------------------------------------------------- get


def got(scene: Scene) -> Path:
    """Where the recording is to come."""
    return scene.folder / "got" / "song.ogg"


def _get(scene: Scene) -> Said:
    options = {"root": scene.origin.fingerprint, "via": Via.HTTP, "listen": LOOPBACK}
    options |= {"limits": IMPATIENT} | scene.options
    url, notes = scene.server.url, scene.follower.notes
    return said_by(lambda: get(url, public_id(1), got(scene), notes, **options))


def _got_whole_or_not(scene: Scene, code: ExitCode, before: Before) -> None:
    song = before.sound[SONG.removeprefix("volumes/")]
    if code is ExitCode.OK:
        assert got(scene).read_bytes() == song
    elif not got(scene).is_symlink():
        assert not got(scene).exists()
    around = [path.name for path in got(scene).parent.iterdir()]
    assert all(name.startswith(".") or name == got(scene).name for name in around), around


def _got(scene: Scene, before: Before) -> None:
    _got_whole_or_not(scene, ExitCode.OK, before)
    assert [path.name for path in got(scene).parent.iterdir()] == [got(scene).name]


GET = Command(lambda scene: got(scene).parent.mkdir(), _get, _got_whole_or_not, _got)


# -------------------------------------------------------------------------------- plan


def _new(scene: Scene) -> Tree:
    return Tree(scene.folder / "new")


def _plan(scene: Scene) -> Said:
    """As the command does, with little patience."""
    impatient = partial(
        open_origin, timeout_seconds=IMPATIENT.timeout_seconds, least=IMPATIENT.least
    )

    def plan() -> None:
        options = {"origin": scene.server.url, "root": scene.origin.fingerprint} | scene.options
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("phonotheque.mirror.planning.open_origin", impatient)
            made = plan_mirror(_new(scene), scene.follower.notes, now=NOW, **options)
            save_plan(_new(scene), made)

    return said_by(plan)


def _planned_or_untouched(scene: Scene, code: ExitCode, before: Before) -> None:
    if code is not ExitCode.OK:
        assert not (_new(scene).root / "plan.json").exists()
        assert not _new(scene).mirror_toml.exists()


def _planned(scene: Scene, before: Before) -> None:
    plan = read_plan(_new(scene))
    assert {v.volume for v in plan.volumes} == {name.partition("/")[0] for name in before.sound}
    shutil.rmtree(_new(scene).root)


PLAN = Command(lambda scene: None, _plan, _planned_or_untouched, _planned)

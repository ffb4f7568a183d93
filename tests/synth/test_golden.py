"""A seed means the same dump for ever: figures of benchmarks stay comparable."""

from pathlib import Path

import pytest

from phonotheque.model.progress import Silent
from phonotheque.synth import execute_synth, plan_synth

GOLDEN = Path(__file__).parents[1] / "golden" / "synth"


@pytest.mark.parametrize("profile", ["coded", "open"])
def test_a_dump_is_the_same_in_every_version(tmp_path: Path, profile: str) -> None:
    plan = plan_synth(tmp_path, profile=profile, tracks=256, seed=1, format="jsonl", truth=False)
    execute_synth(plan, Silent())
    for name in plan.files:
        lines = (tmp_path / name).read_bytes().splitlines(keepends=True)
        assert b"".join(lines[::16]) == (GOLDEN / name).read_bytes()

"""Columns that are kept where they change read as the whole column would."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.search.steps import Steps, StepsWriter


@given(st.lists(st.lists(st.integers(0, 3), max_size=6), max_size=6))
def test_steps_read_as_the_column_they_were_made_of(parts: list[list[int]]) -> None:
    column = np.array([value for part in parts for value in part], np.uint8)
    with TemporaryDirectory() as name:
        with StepsWriter(Path(name), "x", np.uint8) as writer:
            for part in parts:
                writer.append(np.array(part, np.int64))
        steps = Steps(Path(name), "x")
        docs = np.arange(len(column))[::-1]
        assert steps[docs].tolist() == column[::-1].tolist()
        changes = 1 + np.count_nonzero(column[1:] != column[:-1]) if len(column) else 0
        assert len(np.load(Path(name) / "x_starts.npy")) == changes
        starts = steps.starts_of(2)
        assert all(column[at] == 2 and (at == 0 or column[at - 1] != 2) for at in starts)
        assert bool(starts) == (2 in column)

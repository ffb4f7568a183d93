"""Files of a volume named by their rows: ``0-99,105`` are rows of ``files/<volume>.parquet``.

A plan may take some files of very many volumes. Their paths would make it as long as the tables;
their rows are short, since what is alike stands together.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from phonotheque.mirror.expected import ExpectedVolume
from phonotheque.mirror.formats import PlannedVolume
from phonotheque.model.errors import FormatError

Mask = npt.NDArray[np.bool_]


def format_rows(wanted: Mask) -> str:
    """The rows that are true, as text; "" for none."""
    edges = np.flatnonzero(np.diff(wanted.astype(np.int8), prepend=0, append=0))
    pairs = zip(edges[::2].tolist(), (edges[1::2] - 1).tolist(), strict=True)
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in pairs)


def parse_rows(text: str, count: int) -> Mask:
    """The inverse of `format_rows`, for a table of `count` rows. Order is no matter.

    Raises:
        FormatError: it is no list of rows, or names one that is not there.
    """
    wanted = np.zeros(count, np.bool_)
    for first, last in _ranges(text):
        if not 0 <= first <= last < count:
            raise FormatError(f"rows {first}-{last}: the volume has rows 0 to {count - 1}")
        wanted[first : last + 1] = True
    return wanted


def planned_paths(planned: PlannedVolume, paths: list[str]) -> frozenset[str] | None:
    """Which of `paths`, all files of the volume in any order, are planned; None: all.

    Raises:
        FormatError: the plan names rows that the volume does not have.
    """
    if planned.rows is None:
        return None if planned.selection is None else frozenset(planned.selection)
    wanted = parse_rows(planned.rows, len(paths))
    return frozenset(np.array(sorted(paths), object)[wanted].tolist())


def cut_down(volume: ExpectedVolume, planned: PlannedVolume) -> ExpectedVolume:
    """The volume less the audio files that are not planned.

    Raises:
        FormatError: the plan names rows that the volume does not have.
    """
    audio = [path for path, file in volume.files.items() if file.sha256 is not None]
    try:
        chosen = planned_paths(planned, audio)
    except FormatError as error:
        raise FormatError(f"plan.json, {planned.volume}: {error}; plan again") from error
    return volume.select(None if chosen is None else sorted(chosen))


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    for part in filter(None, text.split(",")):
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)):
            raise FormatError(f"{part!r} is no row and no range of rows such as 0-99")
        yield int(first), int(last or first)

"""A chain of libavfilter filters that frames of one form go through."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
from av.filter import Graph


class Chain:
    """Filters by name and options, for frames like `frame`.

    Raises:
        av.error.FFmpegError, ValueError: libavfilter does not take this form.
    """

    def __init__(self, frame: Any, steps: Sequence[tuple[str, str]]) -> None:
        graph = Graph()
        self._source = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=Fraction(1, frame.sample_rate),
        )
        last = self._source
        for name, options in (*steps, ("abuffersink", "")):
            step = graph.add(name, options)
            last.link_to(step)
            last = step
        self._sink = last
        graph.configure()
        self._graph = graph

    def push(self, frame: Any | None) -> Iterator[Any]:
        """What comes out for `frame`; None: there are no more. Take all of it."""
        self._source.push(frame)
        while True:
            try:
                yield self._sink.pull()
            except (BlockingIOError, av.error.EOFError):
                return

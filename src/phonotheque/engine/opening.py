"""Which engine a name means."""

from pathlib import Path

from phonotheque.engine.local import LocalEngine
from phonotheque.engine.spark import SparkEngine
from phonotheque.model.errors import UsageError

ENGINES = ("local", "spark")
"""Names that `open_engine` takes, the default first."""


def open_engine(
    name: str, work: Path, *, memory: str, threads: int, master: str | None = None
) -> LocalEngine | SparkEngine:
    """The engine of that name with `work` as its directory; the caller closes it.

    Raises:
        UsageError: no such engine, a master given to one that has none, or what the engine needs
            is not installed; the message names the package.
        PhonothequeError: Spark did not start.
    """
    if name == "spark":
        return SparkEngine(work, memory=memory, threads=threads, master=master)
    if name != "local":
        raise UsageError(f"no engine is called {name!r}; there are: {', '.join(ENGINES)}")
    if master is not None:
        raise UsageError("the engine local has no master; leave --master out, or take spark")
    return LocalEngine(work, memory=memory, threads=threads)

"""What every test may use: real open data when it is there, Hypothesis profiles, a loud ending."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.clock import TufClock
from tests.whole.program import phonotheque

REPOSITORY = Path(__file__).parents[1]
SHARED_DATA_VARIABLE = "PHONOTHEQUE_SHARED_DATA"
MANY_OPEN_FILES = 200

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=30,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("full", settings.get_profile("ci"), derandomize=False, max_examples=1000)
settings.load_profile("ci")  # `pytest --hypothesis-profile full` replaces it


class SharedData(type(Path())):
    """The folder of sets of real open data; asking for one that is absent skips the test."""

    def __truediv__(self, name: str) -> Path:
        path = Path(self).joinpath(name)
        if not path.exists():
            pytest.skip(f"real data not here: {path}; set {SHARED_DATA_VARIABLE} to where it is")
        return path


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """What a killed process wrote is there without fsync too; only a power cut needs it.

    Tests of `storage.durable` put their own fsync in its place. Programs that tests start do wait.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """`shared_data / "freemusi"` is that set's path, or skips the test and says what is missing."""
    given = os.environ.get(SHARED_DATA_VARIABLE)
    root = Path(given) if given else REPOSITORY.parent / "shared" / "data"
    if not root.is_dir():
        pytest.skip(f"real data not here: {root}; set {SHARED_DATA_VARIABLE} to where it is")
    return SharedData(root)


@pytest.fixture
def tuf_clock(monkeypatch: pytest.MonkeyPatch) -> TufClock:
    """python-tuf's client takes this for the time: the day of the tests, until they change it."""
    clock = TufClock()
    clock.install(monkeypatch)
    return clock


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Folder and result of one ``phonotheque demo``, on Debian's music where it can be fetched."""
    folder = tmp_path_factory.mktemp("demo") / "work"
    ran = phonotheque("demo", "--headless", "--json", "--dir", folder, timeout=170)
    assert "Warning" not in ran.err, ran.err
    return folder, ran.json


class OpenFiles:
    """Lets go of files that only a cycle of references holds open: a server that a test has ended
    keeps the eighty of its index until somebody collects it, and a process may have 1,024.

    To collect means to walk over all that is alive, half a second in a worker that has seen much:
    never at each test, and never over what was there before the first one.
    """

    def __init__(self) -> None:
        self._held = 0  # still open after the last time

    def pytest_collection_finish(self) -> None:
        gc.collect()
        gc.freeze()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self) -> None:
        if sum(1 for _ in Path("/proc/self/fd").iterdir()) > self._held + MANY_OPEN_FILES:
            gc.collect()
            self._held = sum(1 for _ in Path("/proc/self/fd").iterdir())

    def pytest_unconfigure(self) -> None:
        gc.unfreeze()


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(OpenFiles())


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks for `shared_data` is a test of real data. What is made for a whole module or the
    whole run is made in one worker only."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        if "shared_data" in names:
            item.add_marker("shared_data")
        if item.get_closest_marker("spark"):
            item.add_marker(pytest.mark.xdist_group("spark"))
        elif "demo" in names:
            item.add_marker(pytest.mark.xdist_group("demo"))
        elif _makes_for_the_module(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def _makes_for_the_module(item: pytest.Item) -> bool:
    known = getattr(item, "_fixtureinfo", None)
    made = known.name2fixturedefs if known is not None else {}
    return any(found[-1].scope == "module" for found in made.values())


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was not run, so that a green line is never taken for more than it is."""
    kinds = ("browser", "shared_data", "other_client", "spark", "fuzz", "chromaprint")
    unrun = dict.fromkeys(kinds, 0)
    for report in terminalreporter.stats.get("skipped", []):
        for marker in unrun:
            unrun[marker] += marker in report.keywords
    if unrun["browser"]:
        _shout(
            terminalreporter,
            f"{unrun['browser']} BROWSER TESTS WERE NOT RUN: no usable chromium and chromedriver",
            "On Debian: apt install chromium chromium-driver",
        )
    if unrun["shared_data"]:
        _shout(
            terminalreporter,
            f"{unrun['shared_data']} tests on real data were not run",
            f"They need {SHARED_DATA_VARIABLE}=/path/to/data; `pytest -rs` names what is missing",
        )
    if unrun["other_client"]:
        _shout(
            terminalreporter,
            f"{unrun['other_client']} OTHER BITTORRENT CLIENTS WERE NOT ASKED",
            "They come from PyPI and npm; `pytest -rs` names what is missing",
        )
    if unrun["spark"]:
        _shout(
            terminalreporter,
            f"{unrun['spark']} TESTS OF THE SPARK ENGINE WERE NOT RUN",
            "They need pyspark (requirements-spark.lock) and Java 17; `pytest -rs` says which",
        )
    if unrun["chromaprint"]:
        _shout(
            terminalreporter,
            f"{unrun['chromaprint']} TESTS OF FINGERPRINTS WERE NOT RUN: no fpcalc",
            "On Debian: apt install libchromaprint-tools",
        )
    if unrun["fuzz"]:
        _shout(
            terminalreporter,
            "NOTHING WAS FUZZED: no atheris",
            "It has wheels for CPython 3.11 alone: pip install -r requirements-fuzz.lock",
        )


def _shout(terminalreporter: Any, what: str, way_out: str) -> None:
    terminalreporter.write_sep("!", what, red=True, bold=True)
    terminalreporter.write_line(way_out)

"""A Chromium and a server with true audio. Where there is no Chromium, the tests say so."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from phonotheque.serve import Server, create_app
from phonotheque.storage.layout import Tree
from tests.support.audio import make_audio
from tests.support.editions import TinyRecording, write_tiny_edition

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required", "--window-size=1200,900",
]  # fmt: skip
SECONDS = 3.0
LONG_TITLE = "Rindfleischetikettierung" * 9 + " and the very long way home again" * 6


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    folder = tmp_path_factory.mktemp("browser")
    recordings = []
    for i, (title, artist) in enumerate(
        [("Le jardin d'hiver", "Zaz à la plage"), ("Zaz again", "Somebody"),
         ("زاز البحر", "فرقة المينا"), ("Zaz and the very last train", "東京少年")], 1
    ):  # fmt: skip
        tone = make_audio(folder / f"{i}.opus", seconds=SECONDS, hertz=220.0 * i).read_bytes()
        recordings.append(
            TinyRecording(title, artist, "Songs", listens=10 - i, duration_ms=int(SECONDS * 1000),
                          file=(f"tiny-tier1-0000{1 + i // 3}", f"data/{i}.opus", tone))
        )  # fmt: skip
    recordings += [TinyRecording(f"Quiet {i}", "Nobody") for i in range(30)]
    recordings.append(TinyRecording(LONG_TITLE, "فرقة " * 30 + "東京少年" * 20, LONG_TITLE[::-1]))
    tree = Tree(folder / "archive")
    write_tiny_edition(tree.root, recordings)
    return tree


@pytest.fixture(scope="session")
def site(tree: Tree) -> Iterator[Server]:
    with Server(create_app(tree, edition="2026-11")) as server:
        yield server


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("no chromium and chromedriver here: the browser was NOT tested")
    options = ChromeOptions()
    options.binary_location = binary
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options=options, service=Service(driver))
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium: Chrome) -> Iterator[Chrome]:
    """A fresh tab, without the queue of another; at the end nothing may stand in its console."""
    before = chromium.current_window_handle
    chromium.switch_to.new_window("tab")
    fresh = chromium.current_window_handle
    chromium.switch_to.window(before)
    chromium.close()
    chromium.switch_to.window(fresh)
    chromium.get_log("browser")
    yield chromium
    assert [entry["message"] for entry in chromium.get_log("browser")] == []
    chromium.get("about:blank")

"""Every page and state by the rules of WCAG 2.2 AA, and the ways through them without a mouse."""

import json
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from phonotheque.serve import Server, create_app
from phonotheque.serve.counting import Counting
from phonotheque.serve.problems import Refused
from phonotheque.storage.layout import Tree

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = (
    "const done = arguments[1];"
    "axe.run(document, { runOnly: arguments[0], resultTypes: ['violations'] }).then(done)"
)
OPEN_ALL = "document.querySelectorAll('main details').forEach((d) => { d.open = true; })"
# what is looked for to find a page → what comes behind the address of the recording
STATES = {
    "home": "/",
    "results": "/?q=quiet",
    "next results": "/?q=quiet",
    "nothing": "/?q=nowhere+at+all",
    "latin": "jardin",
    "right to left": "زاز",
    "chinese and japanese": "東京",
    "without audio": "quiet 7",
    "long names": "rindfleisch",
    "release with long names": "rindfleisch",
    "artist with a long name": "rindfleisch",
    "rights": "jardin",
    "release": "jardin",
    "artist": "jardin",
    "edition": "/edition",
    "mirror": "/mirror",
    "too small a mirror": "/mirror?disk=0.0001&unit=MB",
    "statistics": "/statistics",
    "about": "/about",
    "notices": "/notices",
    "notice form": "/notices/new",
    "not there": "/recording/nonsense",
}


@cache
def axe() -> str:
    """axe-core, out of a package that brings it; nothing else of that is used."""
    spec = find_spec("axe_playwright_python")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("axe-playwright-python is not installed: accessibility was NOT tested")
    return Path(spec.submodule_search_locations[0], "axe.min.js").read_text()


def offences(browser: Chrome) -> list[str]:
    """What axe-core finds, of any weight."""
    browser.execute_script(axe())
    found: dict[str, Any] = browser.execute_async_script(RUN, RULES)
    return [
        f"{v['id']} ({v['impact']}): {node['html'][:200]}"
        for v in found["violations"]
        for node in v["nodes"]
    ]


def until(browser: Chrome, script: str) -> Any:
    return WebDriverWait(browser, 20, poll_frequency=0.05).until(lambda b: b.execute_script(script))


def visit(browser: Chrome, site: Server, state: str) -> None:
    wanted = STATES[state]
    if wanted.startswith("/"):
        browser.get(site.url + wanted)
    else:
        browser.get(f"{site.url}/?q={wanted}")
        browser.get(browser.find_element(By.CSS_SELECTOR, "#main .title").get_attribute("href"))
    if state == "next results":
        browser.get(browser.find_element(By.CSS_SELECTOR, "a[rel=next]").get_attribute("href"))
    kind = state.split(maxsplit=1)[0]
    if kind in ("rights", "release", "artist"):
        link = {"rights": "a[href$='/rights']"}.get(kind, f"a[href^='/{kind}/']")
        found = browser.find_element(By.CSS_SELECTOR, f"#main {link}")
        browser.get(found.get_attribute("href"))
    browser.execute_script(OPEN_ALL)


@pytest.fixture
def view(browser: Chrome) -> Iterator[Any]:
    """Sets the width of the window, and day or night."""

    def set_view(width: int, scheme: str) -> None:
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    yield set_view
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_recordings_page_keeps_the_rules_of_wcag(browser: Chrome, site: Server) -> None:
    visit(browser, site, "latin")
    browser.find_element(By.CSS_SELECTOR, "#main button.play").click()
    browser.find_element(By.CSS_SELECTOR, "#queue-box summary").click()
    assert offences(browser) == []


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_keeps_the_rules_of_wcag_and_fits(
    browser: Chrome, site: Server, view: Any, width: int, scheme: str
) -> None:
    view(width, scheme)
    found = {}
    for state in STATES:
        visit(browser, site, state)
        found[state] = offences(browser)
        if browser.execute_script("return document.documentElement.scrollWidth") > width:
            found[state].append("wider than the window")
        if state == "not there":  # Chromium itself notes an answer of 404
            browser.get_log("browser")
    assert {state: lines for state, lines in found.items() if lines} == {}


def test_statistics_that_are_being_counted_say_so_by_the_rules_of_wcag(
    browser: Chrome, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Counting) -> None:
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the statistics are being counted")

    monkeypatch.setattr(Counting, "current", refuse)
    with Server(create_app(tree, edition="2026-11")) as site:
        browser.get(f"{site.url}/statistics")
        assert "being counted" in browser.find_element(By.ID, "main").text
        assert offences(browser) == []
    browser.get_log("browser")  # Chromium itself notes an answer of 503


def test_suggestions_are_walked_with_keys_and_lead_to_their_page(
    browser: Chrome, site: Server
) -> None:
    browser.get(f"{site.url}/")
    field = browser.find_element(By.CSS_SELECTOR, "main [data-suggest]")
    field.send_keys("jar")
    until(browser, "return document.querySelectorAll('.suggestions li').length === 1")
    assert field.get_attribute("aria-expanded") == "true"
    assert "Le jardin d'hiver" in browser.find_element(By.CLASS_NAME, "suggestions").text
    assert offences(browser) == []
    field.send_keys(Keys.ESCAPE)
    assert field.get_attribute("aria-expanded") == "false"
    assert browser.find_elements(By.CLASS_NAME, "suggestions") == []
    field.send_keys("d")
    until(browser, "return document.querySelector('.suggestions li')")
    field.send_keys(Keys.ARROW_DOWN)
    chosen = field.get_attribute("aria-activedescendant")
    assert browser.find_element(By.ID, chosen).get_attribute("aria-selected") == "true"
    field.send_keys(Keys.ENTER)
    until(browser, "return location.pathname.startsWith('/recording/')")


def test_the_slider_says_what_the_server_says(browser: Chrome, site: Server) -> None:
    browser.get(f"{site.url}/mirror?disk=1&unit=GB")
    slider = browser.find_element(By.ID, "disk-slider")
    steps = json.loads(slider.get_attribute("data-steps"))
    slider.send_keys(Keys.HOME)
    shown = browser.find_element(By.ID, "foreseen").text
    assert steps[0]["share"] in shown
    assert steps[0]["bytes"] in shown
    assert f"--disk {steps[0]['disk']}" in browser.find_element(By.ID, "commands-text").text
    assert steps[0]["share"] in slider.get_attribute("aria-valuetext")
    browser.find_element(By.CSS_SELECTOR, ".disk button").click()
    until(browser, f"return location.search.includes('disk={steps[0]['amount']}')")
    assert steps[0]["share"] in browser.find_element(By.ID, "foreseen").text


def test_the_queue_is_added_to_cut_and_outlives_the_page(browser: Chrome, site: Server) -> None:
    browser.get(f"{site.url}/?q=zaz")
    browser.find_element(By.CSS_SELECTOR, "#main button.play").click()
    listed = "return document.querySelectorAll('#queue li').length"
    before = browser.execute_script(listed)
    visit(browser, site, "chinese and japanese")
    assert browser.execute_script(listed) == before
    assert browser.execute_script("return document.getElementById('audio').paused")
    browser.find_element(By.CSS_SELECTOR, "button.enqueue").click()
    assert browser.execute_script(listed) == before + 1
    browser.find_element(By.CSS_SELECTOR, "#queue-box summary").click()
    browser.find_elements(By.CSS_SELECTOR, "#queue .away:enabled")[-1].click()
    assert browser.execute_script(listed) == before
    browser.execute_script("document.activeElement.blur()")
    ActionChains(browser).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT).key_up(
        Keys.SHIFT
    ).perform()
    playing = "const a = document.getElementById('audio'); return !a.paused && a.currentTime > 0"
    until(browser, playing)
    assert browser.find_element(By.ID, "queue-count").text.startswith("2/")

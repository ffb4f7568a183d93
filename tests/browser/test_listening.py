"""A person looks for music, finds it and hears it: with a mouse, with keys, on a phone."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from phonotheque.serve import Server

AUDIO = "const a = document.getElementById('audio'); return "


def until(browser: Chrome, script: str) -> Any:
    return WebDriverWait(browser, 15, poll_frequency=0.05).until(lambda b: b.execute_script(script))


def search(browser: Chrome, site: Server, words: str) -> None:
    browser.get(f"{site.url}/")
    browser.find_element(By.CSS_SELECTOR, "main input[type=search]").send_keys(words, Keys.ENTER)
    # the first page has lines as well: wait for the page of the answer, and for all of it
    until(
        browser,
        "return location.search !== '' && document.readyState === 'complete'"
        " && document.querySelectorAll('#main .lines li').length > 0",
    )


def advances(browser: Chrome) -> None:
    """Waits until more than a moment of sound has been heard."""
    until(browser, AUDIO + "!a.paused && a.currentTime > 0.3")


def press(browser: Chrome, *keys: str) -> None:
    ActionChains(browser).send_keys(*keys).perform()


def test_a_hit_is_found_and_heard(browser: Chrome, site: Server) -> None:
    search(browser, site, "zaz")
    titles = [e.text for e in browser.find_elements(By.CSS_SELECTOR, "#main .title")]
    assert "Le jardin d'hiver" in titles
    button = browser.find_element(By.CSS_SELECTOR, "#main button.play")
    name = button.get_attribute("data-title")
    button.click()
    advances(browser)
    assert browser.find_element(By.ID, "now-title").text == name
    assert browser.find_element(By.ID, "player").is_displayed()
    assert "CC-BY-4.0" in browser.find_element(By.ID, "player").text
    assert button.get_attribute("aria-label").startswith("Pause")
    button.click()
    until(browser, AUDIO + "a.paused")


def test_nothing_is_asked_of_any_other_server(browser: Chrome, site: Server) -> None:
    search(browser, site, "zaz")
    browser.find_element(By.CSS_SELECTOR, "#main button.play").click()
    advances(browser)
    addresses = browser.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name)"
    )
    assert len(addresses) >= 3
    assert {urlsplit(a).netloc for a in addresses} == {f"{site.host}:{site.port}"}
    assert browser.execute_script("return document.cookie") == ""


def test_seeking_fetches_a_range_and_goes_on_from_there(browser: Chrome, site: Server) -> None:
    search(browser, site, "zaz")
    browser.find_element(By.CSS_SELECTOR, "#main button.play").click()
    advances(browser)
    browser.execute_script(
        "const p = document.getElementById('position'); p.value = 700;"
        "p.dispatchEvent(new Event('input')); p.dispatchEvent(new Event('change'));"
    )
    until(browser, AUDIO + "a.currentTime > 1.9")


def test_keys_alone_are_enough(browser: Chrome, site: Server) -> None:
    browser.get(f"{site.url}/?q=zaz")
    press(browser, Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to content"
    press(browser, Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "main"
    press(browser, Keys.TAB)
    focused = browser.switch_to.active_element
    assert "play" in focused.get_attribute("class")
    assert focused.get_attribute("aria-label").startswith("Play ")
    outline = focused.value_of_css_property("outline-style")
    assert outline == "solid"
    press(browser, Keys.ENTER)
    advances(browser)
    press(browser, Keys.SPACE)
    until(browser, AUDIO + "a.paused")


def test_space_plays_and_pauses_when_no_control_has_the_focus(
    browser: Chrome, site: Server
) -> None:
    browser.get(f"{site.url}/?q=zaz")
    press(browser, Keys.SPACE)
    advances(browser)
    press(browser, Keys.SPACE)
    until(browser, AUDIO + "a.paused")
    browser.find_element(By.ID, "find").send_keys(" x")
    assert browser.execute_script(AUDIO + "a.paused")
    assert browser.find_element(By.ID, "find").get_attribute("value") == "zaz x"


def test_the_queue_goes_on_by_itself_and_by_hand(browser: Chrome, site: Server) -> None:
    search(browser, site, "zaz")
    buttons = browser.find_elements(By.CSS_SELECTOR, "#main button.play")
    names = [b.get_attribute("data-title") for b in buttons]
    assert len(names) >= 3
    playing = "return document.getElementById('now-title').textContent"
    buttons[0].click()
    advances(browser)
    browser.execute_script(AUDIO + "a.currentTime = a.duration - 0.2")
    WebDriverWait(browser, 15).until(lambda b: b.execute_script(playing) == names[1])
    browser.find_element(By.ID, "next").click()
    WebDriverWait(browser, 15).until(lambda b: b.execute_script(playing) == names[2])
    browser.find_element(By.ID, "previous").click()
    WebDriverWait(browser, 15).until(lambda b: b.execute_script(playing) == names[1])
    browser.find_element(By.CSS_SELECTOR, "#queue-box summary").click()
    listed = browser.find_elements(By.CSS_SELECTOR, "#queue button:not(.away)")
    assert [b.text.split(" – ")[0] for b in listed] == names
    assert listed[1].get_attribute("aria-current") == "true"
    told = browser.execute_script("return navigator.mediaSession.metadata.title")
    assert told == names[1]


def test_music_goes_on_while_pages_change(browser: Chrome, site: Server) -> None:
    search(browser, site, "zaz")
    browser.find_element(By.CSS_SELECTOR, "#main button.play").click()
    advances(browser)
    browser.execute_script("window.same = true; " + AUDIO + "a.loop = true")
    browser.find_element(By.CSS_SELECTOR, "#main .title").click()
    until(browser, "return document.querySelector('main .kind')?.textContent === 'Recording'")
    assert urlsplit(browser.current_url).path.startswith("/recording/")
    assert browser.execute_script("return document.activeElement.id") == "main"
    assert browser.find_element(By.CSS_SELECTOR, "#main .play.on.running")
    browser.find_element(By.LINK_TEXT, "Edition").click()
    until(browser, "return document.title.startsWith('Edition')")
    browser.back()
    until(browser, "return document.querySelector('main .kind')?.textContent === 'Recording'")
    browser.find_element(By.ID, "find").send_keys("quiet", Keys.ENTER)
    until(browser, "return location.search === '?q=quiet'")
    assert browser.execute_script("return window.same")
    assert not browser.execute_script(AUDIO + "a.paused")


def test_without_scripts_everything_but_the_queue_works(browser: Chrome, site: Server) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(f"{site.url}/")
        field = browser.find_element(By.CSS_SELECTOR, "main input[type=search]")
        field.send_keys("jardin", Keys.ENTER)
        WebDriverWait(browser, 10).until(lambda b: "q=jardin" in b.current_url)
        title = browser.find_element(By.CSS_SELECTOR, "#main .title")
        assert title.text == "Le jardin d'hiver"
        browser.get(title.get_attribute("href"))
        assert browser.find_element(By.CSS_SELECTOR, "h1").text == "Le jardin d'hiver"
        for button in browser.find_elements(By.CSS_SELECTOR, "button.play"):
            assert not button.is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("width", [320, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_any_width_and_can_be_read_in_any_light(
    browser: Chrome, site: Server, width: int, scheme: str
) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    try:
        browser.get(f"{site.url}/?q=jardin")
        recording = browser.find_element(By.CSS_SELECTOR, "#main .title").get_attribute("href")
        for address in ("/", "/?q=zaz", "/edition", "/about", urlsplit(recording).path):
            browser.get(site.url + address)
            # not innerWidth: a phone widens its view to what does not fit
            fits = "return document.documentElement.scrollWidth <= arguments[0]"
            assert browser.execute_script(fits, width), address
            assert browser.execute_script(CONTRASTS) == [], address
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


# Texts whose contrast with what is painted behind them is under 4.5 (WCAG 2.2, 1.4.3).
CONTRASTS = """
const parse = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.04045
  ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] === 1) return c;
  }
  return [255, 255, 255];
};
const low = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !e.checkVisibility({ visibilityProperty: true })) continue;
  const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) low.push(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
}
return low;
"""

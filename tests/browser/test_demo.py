"""The demo's mirror in a browser: what a newcomer does first."""

from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from phonotheque.serve import Server, create_app
from phonotheque.storage.layout import Tree


def test_a_newcomer_searches_zaz_and_hears_music(
    browser: Chrome, demo: tuple[Path, dict[str, Any]]
) -> None:
    folder, result = demo
    debian = "zaz-data" in result["music"]
    words = "zaz" if debian else result["search_hit"].split(" – ")[1]
    with Server(create_app(Tree(folder / "mirror"))) as mirror:
        browser.get(mirror.url)
        field = browser.find_element(By.NAME, "q")
        field.send_keys(words, Keys.ENTER)
        WebDriverWait(browser, 10).until(
            lambda b: b.execute_script(
                "return location.search !== '' && document.readyState === 'complete'"
            )
        )
        hit = browser.find_element(By.CSS_SELECTOR, "#main button.play")
        if debian:
            assert "paniq" in browser.find_element(By.TAG_NAME, "main").text
        hit.click()
        WebDriverWait(browser, 20).until(
            lambda b: b.execute_script("return document.querySelector('audio').currentTime") > 0.3
        )
        assert browser.execute_script("return document.querySelector('audio').paused") is False
        browser.get("about:blank")

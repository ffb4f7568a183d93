"""The page of statistics in a browser: what its policy lets through, its colours, its width."""

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from phonotheque.serve import Server

BY_NIGHT = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
BY_DAY = {"features": []}
PHONE = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}


def test_pictures_change_their_colours_by_night_and_fit_a_phone(
    browser: Chrome, site: Server
) -> None:
    browser.get(f"{site.url}/statistics")
    bar = browser.find_element(By.CSS_SELECTOR, '.chart svg [fill="#1f5e54"]')
    by_day = bar.value_of_css_property("fill")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", BY_NIGHT)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        assert bar.value_of_css_property("fill") != by_day
        page = browser.find_element(By.TAG_NAME, "html")
        assert int(page.get_property("scrollWidth")) <= PHONE["width"]
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", BY_DAY)
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

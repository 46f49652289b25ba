"""The page in a real browser: the system's Chromium, driven by playwright, without network."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import Browser, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path, "no Chromium found: apt-get install chromium fonts-noto-cjk"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("run", ["ticket_routing", "hostile", "sparse"])
def test_the_page_loads_in_silence_and_never_scrolls_sideways(
    browser: Browser, run, scheme, html_of, tmp_path
):
    """No message on the console, no request beside the page itself, no overflow on a phone or a desk."""
    page_file = tmp_path / "report.html"
    page_file.write_text(html_of(run), encoding="utf-8")
    context = browser.new_context(color_scheme=scheme, offline=True)
    page = context.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(dialog.message))
    page.on("request", lambda sent: told.append(sent.url))
    page.goto(page_file.as_uri())
    for width in (400, 1200):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert told == [page_file.as_uri()]
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(21, 24, 27)")
    context.close()


def test_chart_colours_follow_the_scheme(browser: Browser, html_of, tmp_path):
    """One drawing is legible on light and on dark paper."""
    page_file = tmp_path / "report.html"
    page_file.write_text(html_of("ticket_routing"), encoding="utf-8")
    seen = []
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(page_file.as_uri())
        seen.append(page.evaluate("getComputedStyle(document.querySelector('#figure-forest text')).fill"))
        page.close()
    assert seen == ["rgb(90, 98, 107)", "rgb(166, 173, 181)"]

"""Only who knows the token gets in."""

import pytest

from tests.browser.conftest import TOKEN

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_a_browser_needs_the_token_once(open_browser, server):
    from playwright.sync_api import expect

    page = open_browser(known=False)
    answer = page.goto(f"{server.address}/map?dataset=x")
    assert answer.status == 403
    expect(page.get_by_text("Open the whole address that scapp printed")).to_be_visible()
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_text("That is not the token")).to_be_visible()
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", name="Clusters & map")).to_be_visible()
    assert TOKEN not in page.url
    page.goto(server.address)
    expect(page.get_by_role("heading", name="scapp", exact=True)).to_be_visible()

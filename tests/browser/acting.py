"""What a user does on a page, at a user's pace: a click on a page that is being redrawn can be lost."""

import re

AT_REST = "[data-testid=stApp][data-test-script-state=notRunning]"


def visible(page, text):
    """Wait until a text is to be seen."""
    page.get_by_text(text).first.wait_for()


def press(page, name):
    """Click a button, by its whole name or a pattern, once the page has come to rest."""
    page.locator(AT_REST).wait_for()
    page.get_by_role("button", name=name, exact=not isinstance(name, re.Pattern)).first.click()


def download(page, name):
    """Click a button that downloads, in the page's menu where it stands there, and wait for what it gives."""
    page.locator(AT_REST).wait_for()
    button = page.get_by_role("button", name=name, exact=not isinstance(name, re.Pattern))
    if not button.count():
        press(page, "Download")
        button.first.wait_for()
    with page.expect_download() as coming:
        button.first.click()
    return coming.value


def enter(page, name, value):
    """Fill in a number, and let the page take it before anything else is done."""
    page.locator(AT_REST).wait_for()
    box = page.get_by_role("spinbutton", name=name)
    box.fill(value)
    box.press("Enter")
    page.locator(AT_REST).wait_for()


def epoch(page):
    """Of a training that is shown."""
    text = page.get_by_test_id("stMetric").first.inner_text()
    return int(re.search(r"(\d+)/", text)[1])


def wait_for_epoch(page, beyond):
    """Wait until a training that is shown has come further."""
    visible(page, re.compile(r"^\d+/\d+$"))
    page.wait_for_function(
        "beyond => { const m = /(\\d+)\\//.exec(document.querySelector('[data-testid=stMetric]')?.innerText); return m"
        " && Number(m[1]) > beyond }",
        arg=beyond,
    )

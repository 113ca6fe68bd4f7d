"""The page in a browser: it opens, sorts, filters and saves, and asks for nothing."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

import crystallin as cr

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
RANKING = "figure.table:has([data-file='report_cell-type-each-against-all-other-cells.csv'])"
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=f"there is no browser: none of {', '.join(NAMES)}")


@pytest.fixture(scope="module")
def browser():
    # here, as it is needed with a browser only
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser):
    """Open a file; at the end, there were no errors and no requests for anything else."""
    problems, pages = [], []

    def open_file(path, width=1280):
        page = browser.new_page(viewport={"width": width, "height": 900}, accept_downloads=True)
        pages.append(page)
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: (problems.append(dialog.message), dialog.dismiss()))
        page.on("requestfailed", lambda request: problems.append(f"failed: {request.url[:80]}"))
        page.on("request", lambda request: is_own(request.url) or problems.append(f"asked for {request.url[:80]}"))

        def is_own(url):
            return url == path.as_uri() or url.startswith(("data:", "blob:"))

        page.goto(path.as_uri())
        return page

    yield open_file
    for page in pages:
        page.close()
    assert not problems


def column(box, name):
    """Texts of a column of the table as it stands."""
    headers = box.locator("th").all_text_contents()
    cells = box.locator(f"tbody td:nth-child({headers.index(name) + 1})")
    return cells.all_text_contents()


def unfold(page):
    page.locator("details").evaluate_all("all => all.forEach(details => { details.open = true })")


def saved(page, button, folder):
    with page.expect_download() as download:
        button.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_it_opens(_full_path, open_page):
    page = open_page(_full_path[0])
    assert page.title() == "Gene programs by cell_type"
    assert page.locator("img").evaluate_all(
        "images => images.every(image => image.complete && image.naturalWidth > 50)"
    )
    page.locator("nav a", has_text="Differences").click()
    assert page.url.endswith("#differences")


def test_the_script_writes_what_was_there(_full_path, open_page, drawn):
    """Values without the script, as Python writes them, are those that the script writes."""
    page = open_page(_full_path[0])
    with_script = page.locator(".table tbody td").all_text_contents()
    plain = page.context.browser.new_context(java_script_enabled=False).new_page()
    plain.goto(_full_path[0].as_uri())
    assert plain.locator(".table tbody td").all_text_contents() == with_script
    assert len(with_script) > 1000
    plain.context.close()


def test_sorting(full, _full_path, open_page):
    page = open_page(_full_path[0])
    box = page.locator(RANKING)
    table, before = cr.get.rank_programs_groups_df(full, columns="all"), column(box, "effect")
    header = box.locator("th", has=page.get_by_role("button", name="statistic", exact=True))
    assert not header.is_visible()
    box.get_by_label("all columns").check()
    assert header.is_visible()
    assert box.locator("th[aria-sort=none]").count() == len(table.columns)
    for direction, ascending in (("ascending", True), ("descending", False)):
        header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == direction
        expected = table.sort_values("statistic", ascending=ascending, kind="stable")["program"].head(20).tolist()
        assert column(box, "program") == expected
    # as numbers: -2 is below -10 as text
    shown = [float(text) for text in column(box, "statistic")]
    assert shown == sorted(shown, reverse=True) and shown != sorted(column(box, "statistic"), reverse=True)
    # the third time, the order in which the rows came
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "none" and column(box, "effect") == before
    # by keyboard
    box.get_by_role("button", name="program", exact=True).focus()
    page.keyboard.press("Enter")
    assert column(box, "program") == sorted(table["program"])[:20]
    assert box.locator("th[aria-sort=ascending]").count() == 1


def test_missing_values_stay_at_the_end(result, tmp_path, open_page):
    table = result.uns["programs"]["table"]
    table["importance"] = [np.nan, 10.0, 9.0, np.nan, 1e-7, -3.0, 100.6, np.inf, *8 * [0.0]]
    page = open_page(cr.report(result, tmp_path / "report.html"))
    box = page.locator("figure.table", has_text="Programs and how far to trust them")
    values = ["-3", "1.0e-7", "9", "10", "101", "inf"]
    for expected in (values, values[::-1]):
        box.get_by_role("button", name="importance", exact=True).click()
        assert column(box, "importance") == [*expected, "", ""]


def test_filtering_and_pages(full, _full_path, open_page):
    page = open_page(_full_path[0])
    box, table = page.locator(RANKING), cr.get.rank_programs_groups_df(full, columns="all")
    where = box.locator(".where")
    assert where.text_content() == "1 to 20 of 24" and box.get_by_role("button", name="Previous").is_disabled()
    box.get_by_role("button", name="Next").click()
    assert where.text_content() == "21 to 24 of 24" and column(box, "program") == table["program"].tolist()[20:]
    assert box.get_by_role("button", name="Next").is_disabled()
    box.get_by_label("group").select_option("type 1")
    assert set(column(box, "group")) == {"type 1"} and where.text_content() == "1 to 8 of 8"
    box.get_by_label("Filter by text").fill("PROGRAM/3 type")
    assert box.locator("tbody tr").count() >= 1
    assert all("Program/3" in text for text in box.locator("tbody tr").all_text_contents())
    box.get_by_label("Filter by text").fill("nothing like this")
    assert box.locator("tbody tr").count() == 0 and where.text_content() == "no row fits"
    box.get_by_label("Filter by text").fill("")
    box.get_by_label("group").select_option("")
    box.get_by_label("Rows").select_option("50")
    assert where.text_content() == "1 to 24 of 24"


def test_csv_files(full, _full_path, open_page, tmp_path):
    page = open_page(_full_path[0])
    box, stored = page.locator(RANKING), cr.get.rank_programs_groups_df(full, columns="all")
    # all rows, whatever is filtered
    box.get_by_label("Filter by text").fill("nothing like this")
    read = pd.read_csv(saved(page, box.locator(".csv"), tmp_path))
    for name in stored:
        if pd.api.types.is_float_dtype(stored[name]):
            np.testing.assert_allclose(read[name], stored[name], rtol=1e-5)
    assert read["program"].tolist() == stored["program"].tolist() and read["lead"].tolist() == stored["lead"].tolist()
    n, files = page.locator("button.csv").count(), set()
    for i in range(n):
        # browsers ask after ten files from one visit
        if i % 8 == 0:
            page.reload()
            unfold(page)
        files.add(saved(page, page.locator("button.csv").nth(i), tmp_path))
    assert len(files) == n > 20
    assert all(len(pd.read_csv(file).columns) >= 2 for file in files)


def test_names_in_csv_and_on_the_page(result, tmp_path, open_page):
    evil = "<script>alert(1)</script> </script>,\"quoted\" =cmd()|'/c'!A0\nsecond line β"
    table = result.uns["programs"]["table"]
    table["source"] = [evil, *table["name"][1:]]
    page = open_page(cr.report(result, tmp_path / "report.html"))
    box = page.locator("figure.table", has_text="Programs and how far to trust them")
    read = pd.read_csv(saved(page, box.locator(".csv"), tmp_path))
    assert read["source"][0] == evil
    box.get_by_label("all columns").check()
    assert column(box, "source")[0] == evil


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_is_no_wider_than_the_window(_full_path, open_page, width):
    page = open_page(_full_path[0], width)
    unfold(page)
    for box in page.locator(".all-columns").all():
        box.check()
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide == width
    # what is wider scrolls within its own box
    assert page.locator(".scroll").evaluate_all("boxes => boxes.some(box => box.scrollWidth > box.clientWidth)")
    assert page.locator("p, h1, h2, h3, dl").evaluate_all(
        f"parts => parts.every(part => part.getBoundingClientRect().right <= {width})"
    )

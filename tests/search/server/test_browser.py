"""The whole way in a real browser over the real server: show a photo, click a person, filter, judge, keep a case."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from blob_scenes import scene, write
from served import TOKEN, Served

from search.cases.verification import verify_case

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is missing")
expect = sync_api.expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Request

NAMELESS = """() => [...document.querySelectorAll("button, a, input, select, textarea")]
    .filter((one) => one.checkVisibility())
    .filter((one) => !one.getAttribute("aria-label") && !one.textContent.trim() && !one.labels?.length)
    .map((one) => one.outerHTML)"""
WAIT = 30_000  # milliseconds: a busy machine takes its time


def chromium() -> str | None:
    """The browser of this machine; None where it has none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    program = chromium()
    if program is None:
        pytest.skip("no Chromium is installed on this machine")
    with sync_api.sync_playwright() as playwright:
        expect.set_options(timeout=WAIT)
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def context(browser: "Browser", served: Served) -> "Iterator[BrowserContext]":
    opened = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-GB", timezone_id="UTC", reduced_motion="reduce"
    )
    opened.set_default_timeout(WAIT)
    yield opened
    opened.close()


@pytest.fixture
def page(context: "BrowserContext", served: Served) -> "Iterator[Page]":
    """The page as it opens; anything that the browser complains about fails the test."""
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.goto(served.address)
    opened.wait_for_selector(".drop")
    yield opened
    assert complaints == []


def show_photo(page: "Page", photo: Path) -> None:
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Choose a photo").click()
    choosing.value.set_files(photo)
    page.wait_for_selector("dialog .outline")


def search_from_frame(page: "Page", served: Served, camera: str = "north") -> None:
    """Opens the footage of a camera, and searches for the first person of the frame."""
    page.goto(f"{served.address}#/footage?camera={camera}")
    page.locator(".footage .outline").first.click()
    page.get_by_role("button", name="Search for this person").click()
    page.wait_for_selector(".ranking .card")


def begin_case(page: "Page", name: str) -> None:
    page.get_by_label("Name of the new case").fill(name)
    page.get_by_role("button", name="Begin case").click()
    page.wait_for_selector("dialog", state="detached")


def cameras_of(page: "Page") -> set[str]:
    return set(page.locator(".card .card-foot b").all_inner_texts())


def test_the_whole_way(page: "Page", served: Served, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    write(photo, scene([1, 3, 4]))
    show_photo(page, photo)
    assert page.locator("dialog .outline").count() == 3
    assert page.get_by_role("button", name="Search for this person").is_disabled()
    page.get_by_role("button", name="Person 1 of 3").click()
    page.get_by_role("button", name="Search for this person").click()
    page.wait_for_selector(".ranking .card")
    similarities = [float(one) for one in page.locator(".card .card-foot .figures.small").all_inner_texts()]
    assert similarities == sorted(similarities, reverse=True)
    everywhere = cameras_of(page)
    assert {"north", "south/east"} <= everywhere

    page.locator(".camera-check", has_text="north").get_by_role("button").click(force=True)
    gone = page.locator(".card .card-foot b", has_not_text="north")
    expect(gone).to_have_count(0)
    assert cameras_of(page) == {"north"}

    page.locator(".card").nth(0).locator("[data-mark=confirmed]").click()
    begin_case(page, "The green coat")
    page.wait_for_selector(".card.confirmed")
    page.locator(".card").nth(0).locator(".card-open").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("y")
    expect(page.locator(".card.confirmed")).to_have_count(2)
    page.locator(".card").last.locator("[data-mark=rejected]").click()
    page.wait_for_selector(".card.rejected")
    assert "2 confirmed, 1 rejected" in page.locator(".learn").inner_text()

    page.locator(".card-open").first.click()
    page.wait_for_selector(".viewer .outline.own")
    page.wait_for_selector(".viewer-near .face")
    assert page.locator(".viewer-marks [data-mark=confirmed]").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")

    case = whole_case(served, "The green coat")
    assert sorted(one["mark"] for one in case["marks"]) == ["confirmed", "confirmed", "rejected"]
    page.get_by_role("link", name="Cases").click()
    page.locator(".case-entry", has_text="The green coat").click()
    page.wait_for_selector(".story-step")
    assert page.locator(".story-step").count() == 2
    page.get_by_label("Write a note").fill("Seen at the gate, too.")
    page.get_by_role("button", name="Keep note").click()
    page.locator(".note-list li", has_text="Seen at the gate, too.").wait_for()

    with page.expect_download() as exporting:
        page.get_by_role("button", name="Export as ZIP").click()
    exported = tmp_path / exporting.value.suggested_filename
    exporting.value.save_as(exported)
    page.locator(".export", has_text=f'personsearch case verify "{exported.name}"').wait_for()
    report = verify_case(exported)
    assert report.is_whole, report.problems
    spoiled = tmp_path / "spoiled.zip"
    spoiled.write_bytes(exported.read_bytes()[:-200])
    with pytest.raises(ValueError, match="damaged"):
        verify_case(spoiled)
    for action in ("upload", "search", "mark", "note", "case exported"):
        assert action in served.actions()


def whole_case(served: Served, name: str) -> dict[str, list[dict[str, str]]]:
    with served.client() as client:
        cases = client.get("/api/cases").json()["cases"]
        (one,) = [one for one in cases if one["name"] == name]
        found: dict[str, list[dict[str, str]]] = client.get(f"/api/cases/{one['case']}").json()
        return found


def test_marks_teach_the_next_search(page: "Page", served: Served) -> None:
    search_from_frame(page, served)
    sent: list[dict[str, list[object]]] = []

    def remember(request: "Request") -> None:
        if request.url.endswith("/api/searches"):
            sent.append(json.loads(request.post_data or ""))

    page.on("request", remember)
    page.locator(".card").nth(0).locator("[data-mark=confirmed]").click()
    begin_case(page, "Learning")
    page.wait_for_selector(".card.confirmed")
    page.locator(".ranking .card").last.locator("[data-mark=rejected]").click()
    page.wait_for_selector(".card.rejected")
    sent.clear()
    page.locator(".learn .button").click()
    page.wait_for_selector(".learn", state="hidden")
    page.get_by_text("The order has learned from who is not meant").wait_for()
    assert len(sent) == 1
    assert len(sent[0]["examples"]) == 2
    assert len(sent[0]["others"]) == 1


def test_the_panel_narrows_by_time_and_the_rank_stays_exact(page: "Page", served: Served) -> None:
    search_from_frame(page, served)
    before = page.locator(".card").count()
    page.locator(".range-fields input").nth(1).fill("2026-09-21T14:13:45")
    page.locator(".range-fields input").nth(1).press("Enter")
    expect(page.locator(".card")).not_to_have_count(before)
    with served.client() as client:
        (kept,) = [json.loads(page.evaluate("sessionStorage.getItem('personsearch.search')"))]
        asked = {"examples": [{"sighting": kept["examples"][0]["sighting"]}], "filters": kept["filters"]}
        expected = [one["sighting"] for one in client.post("/api/searches", json=asked).json()["sightings"]]
    shown = page.locator(".card").evaluate_all("all => all.map(one => one.dataset.sighting)")
    assert shown == expected


def test_the_other_views_show_the_same_sightings(page: "Page", served: Served) -> None:
    search_from_frame(page, served)
    cards = page.locator(".card").count()
    page.keyboard.press("2")
    page.wait_for_selector(".lane-shot")
    assert page.locator(".lane-shot, .lane-tick").count() == cards
    page.keyboard.press("3")
    page.get_by_text("No camera has a place yet").wait_for()
    page.keyboard.press("1")
    page.wait_for_selector(".ranking .card")


def test_a_box_is_drawn_where_nobody_was_found(page: "Page", tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    write(photo, scene([1]) // 3)  # so dark that nobody is found
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Choose a photo").click()
    choosing.value.set_files(photo)
    stage = page.locator("dialog .stage.drawable")
    stage.wait_for()
    assert page.locator("dialog .outline").count() == 0
    frame = stage.bounding_box()
    assert frame is not None
    at = [
        (frame["x"] + share * frame["width"], frame["y"] + high * frame["height"])
        for share, high in ((0.05, 0.2), (0.2, 0.7))
    ]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Search for this person").click()
    page.wait_for_selector(".ranking .card")


def test_a_file_that_is_no_picture_is_refused_in_words(
    context: "BrowserContext", served: Served, tmp_path: Path
) -> None:
    page = context.new_page()
    page.goto(served.address)
    page.wait_for_selector(".drop")
    file = tmp_path / "letter.png"
    file.write_text("Dear reader", encoding="utf-8")
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Choose a photo").click()
    choosing.value.set_files(file)
    page.get_by_text("This photo cannot be used").wait_for()
    assert page.get_by_role("button", name="Choose another photo").is_visible()


def test_the_language_and_the_look_change_and_stay(page: "Page") -> None:
    page.get_by_role("button", name="Appearance and language").click()
    page.get_by_role("button", name="Deutsch").click()
    page.get_by_role("heading", name="Wen suchen Sie?").wait_for()
    page.get_by_role("button", name="Aussehen und Sprache").click()
    page.get_by_role("button", name="Dunkel").click()
    page.reload()
    page.get_by_role("heading", name="Wen suchen Sie?").wait_for()
    assert page.evaluate("document.documentElement.lang") == "de"
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


def test_the_keys_are_told_and_lead_everywhere(page: "Page") -> None:
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    for keys, heading in (("gc", "Cases"), ("gs", "Who are you looking for?")):
        for key in keys:
            page.keyboard.press(key)
        page.get_by_role("heading", name=heading).wait_for()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("screen", ["", "#/footage?camera=north", "#/cases"])
def test_no_screen_is_wider_than_the_window_and_everything_has_a_name(
    context: "BrowserContext", served: Served, width: int, screen: str
) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(served.address + screen)
    page.wait_for_selector("main h1, main .outline")
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    nameless = page.evaluate(NAMELESS)
    assert nameless == []


def test_a_token_is_asked_for_and_a_wrong_one_is_refused(browser: "Browser", locked: Served) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.goto(locked.address)
    page.get_by_label("Token").fill("a-wrong-token-of-some-length")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("This token is not right").wait_for()
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".drop")
    assert TOKEN not in page.url
    context.close()

"""The finished photo site in a browser: real broker, workers, beat and Flower behind it."""

import re
from base64 import b64encode
from contextlib import contextmanager
from io import BytesIO
from uuid import uuid4
from zipfile import ZipFile

import page_checks
import pytest
from playwright.sync_api import expect

from workshop.photos.samples import SAMPLES, photo
from workshop.runtime import flower
from workshop.runtime.solution_site import newest, running
from workshop.system import atomic_file

SAMPLE = {sample.name: sample for sample in SAMPLES}
WORKER = 30_000  # milliseconds that a photo may take on a busy machine


class App:
    """The running site, and what a visitor does with it."""

    def __init__(self, site):
        self.address, self.flower = site.address, site.flower_address
        self._switch = site.data / "storage-mode"

    @contextmanager
    def slow_storage(self, seconds):
        """Let the storage respond slowly, so that a test can look at a waiting photo."""
        atomic_file.write_text(self._switch, f"slow {seconds}")
        try:
            yield
        finally:
            self._switch.unlink()

    def choose(self, page, *files):
        page_checks.visit(page, self.address + "/upload/")
        page.get_by_label("Choose photos").set_input_files(list(files))

    def upload(self, page, *files):
        self.choose(page, *files)
        page.get_by_role("button", name="Upload", exact=True).click()
        expect(page).to_have_url(self.address + "/")


@pytest.fixture(scope="module")
def app():
    with running(newest(), variables={"PRACTICE": "1"}) as site:
        yield App(site)


def file(name, content=None, mime="image/jpeg"):
    return {"name": name, "mimeType": mime, "buffer": content or photo(640, 480)}


def half(content):
    return content[: len(content) // 2]


def card(page, name):
    return page.locator("li.card").filter(has=page.get_by_text(name, exact=True))


def expect_state(page, name, state):
    expect(card(page, name).locator(".chip")).to_have_text(state, timeout=WORKER)


def test_chosen_photo_becomes_resized_by_itself(app, visitor):
    page = visitor()
    page_checks.visit(page, app.address + "/upload/")
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Choose photos").click()
    chooser.value.set_files([file("by-chooser.jpg")])
    expect(page.locator(".chosen li")).to_contain_text("by-chooser.jpg")
    expect(page.locator(".total")).to_contain_text("1 photo, ")
    with app.slow_storage(2):
        page.get_by_role("button", name="Upload", exact=True).click()
        expect(page.locator(".message")).to_contain_text("1 photo uploaded in")
        expect(page.locator(".messages")).to_be_focused()
        page.evaluate("window.neverLeft = true")
        expect_state(page, "by-chooser.jpg", "Waiting")
        expect_state(page, "by-chooser.jpg", "Resized")
    expect(page.locator("p.live")).to_have_text("by-chooser.jpg: Resized.")
    picture = card(page, "by-chooser.jpg").locator("img")
    page.wait_for_function("picture => picture.naturalWidth === 640", arg=picture.element_handle())
    assert page.evaluate("window.neverLeft"), "the page was loaded again"


def test_dropped_photos(app, visitor):
    page = visitor()
    page_checks.visit(page, app.address + "/upload/")
    dropped = page.evaluate_handle(
        """photos => {
            const transfer = new DataTransfer();
            for (const [name, content] of photos) {
                const bytes = Uint8Array.from(atob(content), each => each.charCodeAt(0));
                transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
            }
            return transfer;
        }""",
        [(name, b64encode(photo(320, 240)).decode()) for name in ("dropped-1.jpg", "dropped-2.jpg")],
    )
    zone = page.locator(".drop")
    zone.dispatch_event("dragover", {"dataTransfer": dropped})
    expect(zone).to_contain_class("over")
    zone.dispatch_event("drop", {"dataTransfer": dropped})
    expect(zone).not_to_contain_class("over")
    expect(page.locator(".total")).to_contain_text("2 photos, ")
    page.get_by_role("button", name="Upload", exact=True).click()
    for name in ("dropped-1.jpg", "dropped-2.jpg"):
        expect_state(page, name, "Resized")


def test_progress_of_an_upload_and_cancel(app, visitor):
    """On a slow connection with 100 kB per second, the bar moves and the visitor can cancel."""
    page = visitor()
    app.choose(page, file("slow-line.jpg", photo(2016, 1512)))
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}
    line.send("Network.emulateNetworkConditions", slow)
    page.get_by_role("button", name="Upload", exact=True).click()
    panel = page.get_by_role("group", name="Upload")
    expect(panel).to_be_focused()
    expect(panel.locator(".phase")).to_have_text("Sending 1 photo …")
    page.wait_for_function("(bar => bar.value > 0 && bar.value < 1)(document.querySelector('progress'))")
    expect(panel.locator(".sent")).to_have_text(re.compile(r"[\d.]+ KB of [\d.]+ KB|[\d.]+ KB of [\d.]+ MB"))
    panel.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_have_text("Canceled before all bytes were sent. No photo was kept.")
    expect(page.locator(".chosen li")).to_contain_text("slow-line.jpg")


def test_several_at_once(app, visitor):
    page = visitor()
    names = [f"several-{number}.jpg" for number in range(1, 6)]
    app.upload(page, *[file(name) for name in names])
    expect(page.locator(".message")).to_contain_text("5 photos uploaded in")
    for name in names:
        expect_state(page, name, "Resized")


def test_damaged_photo_says_why(app, visitor):
    page = visitor()
    app.upload(page, file("damaged.jpg", half(photo(1600, 1200))))
    expect_state(page, "damaged.jpg", "Failed")
    expect(card(page, "damaged.jpg")).to_contain_text("This picture is damaged or cut short.")
    card(page, "damaged.jpg").get_by_role("link").click()
    expect(page.locator(".message.error")).to_have_text(
        "This photo was not resized. This picture is damaged or cut short."
    )
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".chip")).to_have_text("Failed", timeout=WORKER)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("text.jpg", SAMPLE["text.jpg"].content, "this is not a picture that can be read."),
        ("bomb.png", SAMPLE["bomb.png"].content, "this picture has too many pixels."),
        ("big.jpg", lambda: photo(320, 240) + bytes(21 * 1024 * 1024), "The limit is 20.0"),
        ("drawing.svg", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "this is not a picture"),
    ],
    ids=["text", "too many pixels", "too many bytes", "no photo"],
)
def test_refused_photo_says_why(app, visitor, tmp_path, name, content, says):
    page = visitor()
    (tmp_path / "fine.jpg").write_bytes(photo(640, 480))
    (tmp_path / name).write_bytes(content())
    app.choose(page, tmp_path / "fine.jpg", tmp_path / name)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text(f"{name}: ")
    expect(page.get_by_role("alert")).to_contain_text(says)
    expect(page.locator(".errors")).to_be_focused()
    refused = page.locator(".chosen .refused")
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text(says)
    page.get_by_role("button", name=f"Remove {name}").click()
    expect(page.locator(".chosen li")).to_have_count(1)


def test_expired_form_says_what_to_do(app, visitor):
    page = visitor()
    app.choose(page, file("expired.jpg"))
    page.context.clear_cookies()
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text(
        "This form has expired (403). Reload the page and choose the photos again."
    )
    assert [said for said in visitor.errors if "403" not in said] == []
    visitor.errors.clear()


def test_broken_line_says_what_to_do(app, visitor):
    page = visitor()
    app.choose(page, file("offline.jpg"))
    page.context.set_offline(True)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The connection was lost before the server responded.")
    expect(page.locator(".chosen li")).to_contain_text("offline.jpg")
    assert [said for said in visitor.errors if "ERR_INTERNET_DISCONNECTED" not in said] == []
    visitor.errors.clear()


def test_export_zip_with_a_progress_bar(app, visitor):
    page = visitor()
    app.upload(page, file("export-1.jpg"), file("export-2.jpg"))
    for name in ("export-1.jpg", "export-2.jpg"):
        expect_state(page, name, "Resized")
    with app.slow_storage(2):
        page.get_by_role("button", name="Export as ZIP").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Many photos at once")
        expect(page.locator(".phase")).to_have_text(re.compile(r"\d+ of \d+ photos"), timeout=WORKER)
        expect(page.get_by_role("progressbar")).to_have_js_property("position", 1)
        expect(page.locator(".phase")).to_have_text("Done.", timeout=WORKER)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the ZIP file").click()
    names = ZipFile(BytesIO(download.value.path().read_bytes())).namelist()
    assert {"export-1.jpg", "export-2.jpg"} <= {name.partition("-")[2] for name in names}


def test_sum_up(app, visitor):
    page = visitor()
    app.upload(page, file("summed.jpg"))
    expect_state(page, "summed.jpg", "Resized")
    page.get_by_role("button", name="Sum up").click()
    expect(page.locator(".phase")).to_have_text("Done.", timeout=WORKER)
    expect(page.locator(".figures")).to_contain_text("Megapixels")


def test_description_by_a_worker(app, visitor):
    page = visitor()
    app.upload(page, file("described.jpg"))
    expect_state(page, "described.jpg", "Resized")
    card(page, "described.jpg").get_by_role("link").click()
    page.get_by_role("button", name="Describe", exact=True).click()
    expect(page.locator("[data-task-state]")).to_contain_text("is SUCCESS: done.", timeout=WORKER)
    expect(page.locator("[data-task-answer]")).to_contain_text('"format": "JPEG"')
    assert page_checks.axe(page) == []


@pytest.mark.parametrize("kind", ["batch", "task"])
def test_a_page_stops_asking_for_a_task_that_never_ends(app, visitor, kind):
    page, task_id = visitor(), uuid4()
    asked = []
    page.on("request", lambda request: asked.append(request.url) if str(task_id) in request.url else None)
    page.clock.install()
    if kind == "batch":
        page_checks.visit(page, f"{app.address}/batches/{task_id}/")
        line = page.locator(".phase")
    else:
        app.upload(page, file("never-described.jpg"))
        address = card(page, "never-described.jpg").get_by_role("link").get_attribute("href")
        page_checks.visit(page, f"{app.address}{address}?task={task_id}")
        line = page.locator("[data-task-state]")
    for _ in range(200):
        page.clock.run_for(5000)
        page.wait_for_load_state("networkidle")
        if "stopped asking" in line.inner_text():
            break
    expect(line).to_contain_text("Nothing has changed for ten minutes, so this page has stopped asking.")
    count = len(asked)
    assert count < 160, "about every five seconds, and not every second"
    page.clock.run_for(60_000)
    assert len(asked) == count


@pytest.mark.parametrize("kind", ["batch", "task"])
def test_a_page_says_that_the_server_does_not_know(app, visitor, kind):
    """The result backend is down and comes back."""
    page, task_id = visitor(), uuid4()
    app.upload(page, file(f"unknown-{kind}.jpg"))
    address = card(page, f"unknown-{kind}.jpg").get_by_role("link").get_attribute("href")
    status = "**/status/*" if kind == "batch" else "**/tasks/*/"
    down = {"status": 503, "content_type": "application/json", "body": '{"error": "doesn\'t respond"}'}
    page.route(status, lambda route: route.fulfill(**down))
    if kind == "batch":
        page_checks.visit(page, f"{app.address}/batches/{task_id}/")
        line = page.locator(".phase")
    else:
        page_checks.visit(page, f"{app.address}{address}?task={task_id}")
        line = page.locator("[data-task-state]")
    expect(line).to_contain_text("page will ask again.")
    page.unroute(status)
    expect(line).to_contain_text("Waiting for a worker" if kind == "batch" else "is PENDING", timeout=WORKER)
    visitor.errors[:] = [each for each in visitor.errors if "503" not in each]


def test_keyboard_is_enough(app, visitor):
    """A visitor uploads a photo, opens its page and deletes it without a mouse."""
    page = visitor()
    # Listen from now on, because a key press can be faster than Playwright's next command.
    page.on("filechooser", lambda _: None)
    page_checks.visit(page, app.address + "/")
    tab_to(page, page.locator("header").get_by_role("link", name="Upload"))
    page.keyboard.press("Enter")
    expect(page).to_have_title(re.compile("Upload photos"))
    page.wait_for_load_state()
    tab_to(page, page.get_by_label("Choose photos"))
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files([file("by-keyboard.jpg")])
    tab_to(page, page.get_by_role("button", name="Remove by-keyboard.jpg"))
    tab_to(page, page.get_by_role("button", name="Upload", exact=True))
    page.keyboard.press("Enter")
    expect_state(page, "by-keyboard.jpg", "Resized")
    tab_to(page, card(page, "by-keyboard.jpg").get_by_role("link"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("by-keyboard.jpg")
    tab_to(page, page.locator("summary"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Delete for good"))
    page.keyboard.press("Enter")
    expect(page.locator(".message")).to_have_text("by-keyboard.jpg was deleted.")


def tab_to(page, target, most=40):
    """Press Tab until `target` has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{target} cannot be reached with the Tab key")


@pytest.fixture(scope="module")
def addresses(app, browser):
    """Paths of all kinds of page, by name. There is a photo in every lasting state."""
    page = browser.new_page()
    app.upload(page, file("looks.jpg"), file("looks-damaged.jpg", half(photo(1600, 1200))))
    expect_state(page, "looks.jpg", "Resized")
    expect_state(page, "looks-damaged.jpg", "Failed")
    found = {"list": "/", "upload": "/upload/"}
    for name, shown in (("resized", "looks.jpg"), ("failed", "looks-damaged.jpg")):
        found[name] = card(page, shown).get_by_role("link").get_attribute("href")
    page.get_by_role("button", name="Sum up").click()
    expect(page.locator(".phase")).to_have_text("Done.", timeout=WORKER)
    found["batch"] = page.url.removeprefix(app.address)
    page.close()
    return found


@pytest.mark.parametrize("kind", ["list", "upload", "resized", "failed", "batch"])
def test_page(app, addresses, visitor, kind):
    page = visitor(color_scheme="light")
    page_checks.visit(page, app.address + addresses[kind])
    if kind == "batch":
        expect(page.locator(".phase")).to_have_text("Done.")
    if kind == "upload":
        page.get_by_label("Choose photos").set_input_files([file("axe.jpg")])
    for size in (page_checks.DESKTOP, page_checks.PHONE):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme="light")
        assert page_checks.axe(page) == [], f"light, {size}"
        page.emulate_media(color_scheme="dark")
        assert page_checks.axe(page, colours_only=True) == [], f"dark, {size}"
        assert page_checks.sideways(page) == 0, f"wider than {size}"


def test_flower_shows_the_tasks_to_who_has_the_password(app, visitor):
    page = visitor(http_credentials={"username": flower.USER, "password": flower.password()})
    page_checks.visit(page, f"{app.flower}/workers")
    expect(page.locator("body")).to_contain_text("quick@", timeout=WORKER)
    page_checks.visit(page, f"{app.flower}/tasks")
    expect(page.locator("body")).to_contain_text("images.tasks.", timeout=WORKER)

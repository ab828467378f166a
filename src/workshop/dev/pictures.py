"""Take the screenshots for the README and the docs' home page from the real site and the real Flower."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw

from workshop import paths
from workshop.console import say
from workshop.docsite import browser
from workshop.errors import WorkshopError
from workshop.photos.samples import photo
from workshop.runtime import flower
from workshop.runtime.solution_site import Site, newest, running
from workshop.system import atomic_file

DONE, WAITING = ("harbour", "garden", "lighthouse", "market", "bridge"), ("orchard", "valley")
"""The photos of the first and the second upload. The last photo of the first upload is cut short."""
SLOW_SECONDS = 25
"""Seconds that the storage needs for a photo of the second upload. The screenshots are taken in that time."""
SCHEMES = ("light", "dark")
README_SIZE = {"width": 1180, "height": 960}
SITE_SIZE, FLOWER_SIZE = {"width": 900, "height": 890}, {"width": 1000, "height": 258}
WIDTH = 1200
"""The width of the home page's picture in pixels, twice its displayed width."""
GAP, RADIUS, EDGE = 24, 16, (128, 128, 128, 110)
PATIENCE = 60_000


def main() -> int:
    """Start the newest solution, upload photos, and write the screenshots to docs/assets/.

    Returns the exit code.

    Raises WorkshopError if there is no browser, if the site does not start, or if all photos are done too
    soon.
    """
    with browser.opened() as chromium, running(newest(), variables={"PRACTICE": "1"}) as site:
        taken = take(chromium, site, site.data / "storage-mode")
    for name, content in taken.items():
        file = paths.DOCS / "assets" / name
        file.write_bytes(content)
        say(f"  {paths.shown(file)}: {len(content) / 1000:.0f} kB")
    return 0


def take(chromium, site: Site, switch: Path) -> dict[str, bytes]:
    """Upload the photos, and take screenshots while some photos are waiting. Returns them by file name."""
    visitor = chromium.new_page(viewport=README_SIZE)
    operator = chromium.new_page(
        viewport=FLOWER_SIZE,
        device_scale_factor=WIDTH / FLOWER_SIZE["width"],
        http_credentials={"username": flower.USER, "password": flower.password()},
    )
    _upload(visitor, site, DONE, damaged=DONE[-1])
    visitor.locator("[data-state=resized] img").nth(len(DONE) - 2).wait_for(timeout=PATIENCE)
    visitor.locator("[data-state=failed]").wait_for(timeout=PATIENCE)
    atomic_file.write_text(switch, f"slow {SLOW_SECONDS}")
    _upload(visitor, site, WAITING)
    visitor.wait_for_load_state("networkidle")
    visitor.mouse.move(0, 0)
    visitor.evaluate("document.activeElement.blur()")
    small = chromium.new_page(viewport=SITE_SIZE, device_scale_factor=WIDTH / SITE_SIZE["width"])
    small.goto(site.address)
    small.wait_for_load_state("networkidle")
    operator.goto(f"{site.flower_address}/workers")
    operator.locator("tbody tr").nth(1).wait_for(timeout=PATIENCE)
    operator.wait_for_load_state("networkidle")
    taken = {}
    for scheme in SCHEMES:
        for page in (visitor, small, operator):
            page.emulate_media(color_scheme=scheme)
        taken[f"photos-{scheme}.png"] = _few_colours(visitor.screenshot())
        taken[f"home-{scheme}.webp"] = _stacked(small.screenshot(), operator.screenshot())
    switch.unlink()
    if any(page.locator("[data-state=waiting]").count() != len(WAITING) for page in (visitor, small)):
        raise WorkshopError(
            "This machine was too busy, so no photo is waiting anymore. Run the command again."
        )
    return taken


def _upload(page, site: Site, names: Sequence[str], damaged: str = "") -> None:
    files = []
    for name in names:
        content = photo(1600, 1200, seed=len(name))
        content = content[: len(content) // 2] if name == damaged else content
        files.append({"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": content})
    page.goto(f"{site.address}/upload/")
    page.get_by_label("Choose photos").set_input_files(files)
    page.get_by_role("button", name="Upload", exact=True).click()


def _stacked(*pictures: bytes) -> bytes:
    """Return the pictures as one WebP, below each other, with rounded corners and borders."""
    cards = [_card(Image.open(BytesIO(each)).convert("RGBA")) for each in pictures]
    height = sum(card.height for card in cards) + GAP * (len(cards) - 1)
    whole, top = Image.new("RGBA", (WIDTH, height)), 0
    for card in cards:
        whole.paste(card, (0, top))
        top += card.height + GAP
    content = BytesIO()
    whole.save(content, "WEBP", quality=80, method=6)
    return content.getvalue()


def _card(picture: Image.Image) -> Image.Image:
    box, mask = (0, 0, picture.width - 1, picture.height - 1), Image.new("L", picture.size)
    ImageDraw.Draw(mask).rounded_rectangle(box, RADIUS, fill=255)
    edge = Image.new("RGBA", picture.size)
    ImageDraw.Draw(edge).rounded_rectangle(box, RADIUS, outline=EDGE, width=2)
    picture = Image.alpha_composite(picture, edge)
    picture.putalpha(mask)
    return picture


def _few_colours(picture: bytes) -> bytes:
    """Return the PNG with 256 colors, which is a third of the size."""
    content = BytesIO()
    with Image.open(BytesIO(picture)) as found:
        found.convert("RGB").quantize(256).save(content, "PNG", optimize=True)
    return content.getvalue()

"""What is asked of every page, of the docs and of the app."""

from axe_playwright_python.sync_playwright import Axe

PHONE = {"width": 390, "height": 844}
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules whose answer depends on light and dark."""


STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"
"""While a colour changes, its contrast is that of no scheme."""


def visit(page, address):
    """Open the page, and return when its scripts have had a look at what was drawn."""
    page.goto(address)
    page.add_style_tag(content=STILL)
    drawn(page)


def drawn(page):
    """Return when the page is drawn, and its scripts have had a look at that."""
    page.evaluate(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
    )


def axe(page, rules=None):
    """What axe finds on the page as it is shown, in lines; with `rules` by those alone."""
    options = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['html'][:160]} {node.get('failureSummary', '')}"
        for rule in found
        for node in rule["nodes"]
    ]


def sideways(page):
    """How many pixels wider than its window the page is; 0 when nobody has to scroll sideways."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


TOO_WIDE = """column => {
  const [left, right] = [column.getBoundingClientRect().left - 1, column.getBoundingClientRect().right + 1];
  const style = (element) => getComputedStyle(element);
  const hides = (box) => box.scrollWidth > box.clientWidth + 1 && style(box).overflowX !== "visible";
  const trouble = (block) => {
    let box = block;
    while (box !== column && !hides(box)) box = box.parentElement;
    if (box === column) {
      const edges = block.getBoundingClientRect();
      return edges.left < left || edges.right > right ? "is wider than its column" : "";
    }
    if (!["auto", "scroll"].includes(style(box).overflowX)) return "is cropped";
    if (!box.dataset.more || style(box).maskImage === "none") return "scrolls but does not show it";
    if (box.tabIndex < 0) return "cannot be scrolled with the keyboard";
    return "";
  };
  const blocks = column.querySelectorAll("pre, pre > code, table, img, figure, figure svg, .cell-output");
  return [...blocks]
    .filter((block) => block.getBoundingClientRect().width)
    .map((block) => [block, trouble(block)])
    .filter(([, said]) => said)
    .map(([block, said]) => `${block.tagName} ${said}: ${(block.innerText || block.outerHTML).slice(0, 80)}`);
}"""


def too_wide(page):
    """The code blocks, tables and pictures that are wider than their column, in lines.

    A block may be wider if it can be scrolled, with the keyboard too, and shows that: it has `data-more`, the
    sides where there is more, and a mask that makes it fade out there.
    """
    drawn(page)
    return page.locator(".md-content").evaluate(TOO_WIDE)

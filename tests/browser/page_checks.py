"""Checks of every page, of the docs and of the app: accessibility and width."""

from importlib import resources

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"
"""In the middle of a transition, a contrast belongs to neither light nor dark mode."""


def visit(page, address):
    """Open a page, and wait until it is drawn and its scripts have reacted to that."""
    page.goto(address)
    page.add_style_tag(content=STILL)
    drawn(page)


def drawn(page):
    """Wait until the page is drawn and its scripts have reacted to that."""
    page.evaluate(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
    )


RUN_AXE = """async (coloursOnly) => {
  const looks = new Map();
  const look = (element) => {
    if (!element) return "";
    if (!looks.has(element)) {
      const style = getComputedStyle(element);
      const seen = ["color", "backgroundColor", "backgroundImage", "opacity", "fontSize", "fontWeight",
        "textShadow", "position"].map((name) => style[name]);
      const own = [element.tagName, element.className, ...seen];
      looks.set(element, [look(element.parentElement), ...own].join("|"));
    }
    return looks.get(element);
  };
  const hasText = (element) =>
    element.matches("input, select, textarea") ||
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const alike = new Map();
  document.querySelectorAll("[data-measured]").forEach((element) => delete element.dataset.measured);
  for (const element of document.body.querySelectorAll("*")) {
    if (!hasText(element) || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (!alike.has(look(element))) alike.set(look(element), []);
    alike.get(look(element)).push(element);
  }
  for (const them of alike.values())
    for (const element of [them[0], them[them.length >> 1], them.at(-1)]) element.dataset.measured = "";
  axe.configure({ rules: [{ id: "color-contrast", selector: "[data-measured]" }] });
  const values = ["color-contrast", "link-in-text-block"];
  const only = coloursOnly ? { runOnly: { type: "rule", values } } : {};
  return (await axe.run({ resultTypes: ["violations"], ...only })).violations;
}"""


def axe(page, colours_only=False):
    """Return one line for each problem that axe finds on the page as it is shown.

    colours_only: run only the two rules whose result depends on light and dark mode.

    The contrast of each text takes axe longer than everything else together, and a page has hundreds of texts
    that look alike. So three of each look are measured: the first, the middle one and the last. Texts look
    alike if they and all elements around them have the same tag, classes, colors, opacity and font.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    return [
        f"{rule['id']}: {node['target']} {node['html'][:160]} {node.get('failureSummary', '')}"
        for rule in page.evaluate(RUN_AXE, colours_only)
        for node in rule["nodes"]
    ]


def sideways(page):
    """Return how many pixels wider than its window the page is; 0 if it doesn't scroll sideways."""
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
    """Return one line for each code block, table and picture that is wider than its column.

    A block may be wider if it can be scrolled, also with the keyboard, and shows that: `data-more` names the
    sides where there is more, and a mask fades them out.
    """
    drawn(page)
    return page.locator(".md-content").evaluate(TOO_WIDE)

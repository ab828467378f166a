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

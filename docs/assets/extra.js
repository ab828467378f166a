// Accessibility fixes for keyboards and screen readers that the theme lacks.

const all = (selector) => document.querySelectorAll(selector);

// The empty corner cell of a table is not a column heading.
all(".md-typeset th:empty").forEach((corner) => corner.replaceWith(document.createElement("td")));

// A single word in a table's first column is a name, such as --help, and must not break at its hyphens.
all(".md-typeset td:first-child code").forEach((code) => code.classList.toggle("name", !/\s/.test(code.textContent)));

// The theme wraps each copy button in a <nav>, but these are not navigation landmarks.
function tidy() {
  all("nav.md-code__nav:not([role])").forEach((nav) => nav.setAttribute("role", "none"));
  all(SCROLLED).forEach(observe);
}

// Make horizontally scrollable elements focusable, so that they can be scrolled with the keyboard. `data-more` says
// on which sides there is more content, and extra.css shows this. The theme makes code focusable, too, but not on
// devices without a mouse, although a phone may have a keyboard.
const SCROLLED = "pre > code, .md-typeset__scrollwrap, figure.drawing, .cell-output";
function reach(element) {
  const hidden = element.scrollWidth - element.clientWidth;
  const sides = { left: element.scrollLeft > 1, right: element.scrollLeft < hidden - 1 };
  const more = Object.keys(sides).filter((side) => sides[side]).join(" ");
  if (more) element.dataset.more = more;
  else delete element.dataset.more;
  if (hidden > 0 && element.getAttribute("tabindex") !== "0") element.setAttribute("tabindex", "0");
}

const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => reach(target)));
const observed = new WeakSet();
function observe(element) {
  if (observed.has(element)) return;
  observed.add(element);
  sizes.observe(element);
  element.addEventListener("scroll", () => reach(element), { passive: true });
}

// The theme wraps tables and adds buttons after the page has loaded.
new MutationObserver((changes) => {
  tidy();
  for (const { type, target } of changes) if (type === "attributes" && target.matches(SCROLLED)) reach(target);
}).observe(document.body, { childList: true, subtree: true, attributeFilter: ["tabindex"] });
tidy();

// The list of search results must also be scrollable with the keyboard.
document.getElementById("__search")?.addEventListener("change", ({ target }) => {
  all(".md-search__scrollwrap").forEach((list) => list.setAttribute("tabindex", target.checked ? "0" : "-1"));
});

// A section has the same anchor in every language.
all(".md-select__link").forEach((link) => link.addEventListener("click", () => (link.hash = location.hash)));

// What keyboards and screen readers meet on the pages, where the theme does not care for it.

const all = (selector) => document.querySelectorAll(selector);

// An empty corner of a table is no heading of its column.
all(".md-typeset th:empty").forEach((corner) => corner.replaceWith(document.createElement("td")));

// The theme puts each copy button into a <nav>. A page with fifty blocks of code has not fifty navigations.
function tidy() {
  all("nav.md-code__nav:not([role])").forEach((nav) => nav.setAttribute("role", "none"));
  all(SCROLLED).forEach(observe);
}

// What can be scrolled sideways is reached, and so scrolled, with the keyboard. The theme sees to it for code, and
// takes it back where there is no mouse: a phone may have a keyboard.
const SCROLLED = "pre > code, .md-typeset__scrollwrap";
function reach(element) {
  const scrolls = element.scrollWidth > element.clientWidth;
  if (scrolls && element.getAttribute("tabindex") !== "0") element.setAttribute("tabindex", "0");
}

const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => reach(target)));
const observed = new WeakSet();
function observe(element) {
  if (!observed.has(element)) sizes.observe(element);
  observed.add(element);
}

// The theme wraps tables and adds buttons whenever it gets to them.
new MutationObserver((changes) => {
  tidy();
  for (const { type, target } of changes) if (type === "attributes" && target.matches(SCROLLED)) reach(target);
}).observe(document.body, { childList: true, subtree: true, attributeFilter: ["tabindex"] });
tidy();

// So is the list of what a search has found.
document.getElementById("__search")?.addEventListener("change", ({ target }) => {
  all(".md-search__scrollwrap").forEach((list) => list.setAttribute("tabindex", target.checked ? "0" : "-1"));
});

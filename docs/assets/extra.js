// What keyboards and screen readers meet on the pages, where the theme does not care for it.

const all = (selector) => document.querySelectorAll(selector);

// An empty corner of a table is no heading of its column.
all(".md-typeset th:empty").forEach((corner) => corner.replaceWith(document.createElement("td")));

// What is one word in the first column of a table is a name, such as --help: it does not break at its hyphens.
all(".md-typeset td:first-child code").forEach((code) => code.classList.toggle("name", !/\s/.test(code.textContent)));

// The theme puts each copy button into a <nav>. A page with fifty blocks of code has not fifty navigations.
function tidy() {
  all("nav.md-code__nav:not([role])").forEach((nav) => nav.setAttribute("role", "none"));
  all(SCROLLED).forEach(observe);
}

// What can be scrolled sideways is reached, and so scrolled, with the keyboard, and `data-more` says on which sides
// there is more: extra.css shows it. The theme sees to the keyboard for code, and takes it back where there is no
// mouse: a phone may have a keyboard.
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

// A section has the same anchor in every language.
all(".md-select__link").forEach((link) => link.addEventListener("click", () => (link.hash = location.hash)));

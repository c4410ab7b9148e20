/* What the theme and the notebooks leave out for keyboard and screen reader: names for what has none, focus for what scrolls. */
document.addEventListener("DOMContentLoaded", () => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  document.querySelectorAll(".md-nav[aria-labelledby]").forEach((nav) => {
    const label = document.getElementById(nav.getAttribute("aria-labelledby"));
    nav.removeAttribute("aria-labelledby");
    nav.setAttribute("aria-label", `${label?.textContent.trim() || "Pages"}: pages`);
  });
  // The theme adds its copy buttons a little later.
  const name = () => document.querySelectorAll(".md-code__nav:not([aria-label])").forEach((nav) => {
    name.count = (name.count ?? 0) + 1;
    nav.setAttribute("aria-label", `Code ${name.count}`);
  });
  name();
  const article = document.querySelector("article");
  if (article) new MutationObserver(name).observe(article, { childList: true, subtree: true });
  for (const part of document.querySelectorAll(".jupyter-wrapper div, .jupyter-wrapper pre, .md-typeset figure")) {
    const scrolls = /auto|scroll/.test(getComputedStyle(part).overflowX) && part.scrollWidth > part.clientWidth;
    if (scrolls && !part.querySelector("a, button, input")) part.tabIndex = 0;
  }
});

/* The search's index is by far the heaviest thing on a page, and few readers search on every page: ask for it when somebody
   turns to the search. The theme waits for the answer as it would for a slow server. From disk it is a script, and costs nothing. */
if (location.protocol !== "file:") {
  const { open, send } = XMLHttpRequest.prototype;
  const late = new WeakSet();
  const wanted = new Promise((resolve) => {
    if (new URLSearchParams(location.search).has("q")) resolve();
    addEventListener("focusin", (event) => { if (event.target.closest(".md-search")) resolve(); }, true);
    addEventListener("pointerdown", (event) => { if (event.target.closest("label[for=__search]")) resolve(); }, true);
    addEventListener("keydown", (event) => { if (["f", "s", "/"].includes(event.key)) resolve(); }, true); // the theme's keys
  });
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    if (new URL(url, location.href).pathname.endsWith("/search/search_index.json")) late.add(this);
    return open.call(this, method, url, ...rest);
  };
  XMLHttpRequest.prototype.send = function (body) {
    if (late.has(this)) wanted.then(() => send.call(this, body));
    else send.call(this, body);
  };
}

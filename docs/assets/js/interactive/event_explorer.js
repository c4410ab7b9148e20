/* An event as a tree: every field with its type and what it means. The events are the sandbox's own samples. */
course.eventExplorer = (() => {
  const { make, load, select } = course.elements;
  const MODES = { sync: "invokes synchronously and waits", async: "invokes asynchronously: the event is queued", mapping: "is polled by an event source mapping, which invokes with a batch" };

  function start(app) {
    const shapes = course.data.eventShapes;
    const byService = [...shapes].sort((a, b) => (a.service + a.title < b.service + b.title ? -1 : 1));
    const wanted = shapes.find((shape) => shape.name === (app.dataset.shape || location.hash.slice(1))) ?? shapes.find((shape) => shape.name === "s3") ?? byService[0];
    const about = make("p", { class: "event-about" });
    const tree = make("div", { class: "event-tree" });
    const detail = make("div", { class: "event-detail", "aria-hidden": "true" }); // each field says the same itself
    const said = make("p", { class: "course-said-aloud", role: "status", "aria-live": "polite" });
    const show = async (name) => {
      const shape = shapes.find((each) => each.name === name);
      try {
        const data = await load(`event-${name}`);
        about.textContent = `${shape.title}. ${shape.service} ${MODES[shape.mode]}.`;
        said.textContent = "";
        tree.replaceChildren(treeOf(shape, data[`event-${name}`], detail));
      } catch (error) {
        said.textContent = error.message;
      }
    };
    app.replaceChildren(
      select("Event", byService.map((shape) => [shape.name, `${shape.service}: ${shape.title}`]), show, wanted.name),
      about, make("div", { class: "event-split" }, tree, detail),
      make("p", { class: "course-quiet" }, "Keys: up and down move, left and right close and open. Dotted: the field may be missing."), said);
    show(wanted.name);
  }

  function treeOf(shape, { event, fields }, detail) {
    const root = make("ul", { role: "tree", "aria-label": `Fields of the event: ${shape.title}` });
    root.append(...childrenOf(event, "", fields));
    const items = () => [...root.querySelectorAll("[role=treeitem]")].filter((item) => item.offsetParent !== null);
    const focus = (item) => {
      if (!item) return;
      for (const other of root.querySelectorAll("[tabindex='0']")) other.tabIndex = -1;
      item.tabIndex = 0;
      item.focus();
    };
    root.addEventListener("focusin", (event_) => { choose(root, event_.target.closest("[role=treeitem]"), detail); });
    root.addEventListener("pointerover", (event_) => { describe(event_.target.closest("[role=treeitem]"), detail); });
    root.addEventListener("click", (event_) => {
      const item = event_.target.closest("[role=treeitem]");
      if (!item) return;
      if (event_.target.closest(".event-key, .event-twist")) toggle(item, item.getAttribute("aria-expanded") === "false");
      focus(item);
    });
    root.addEventListener("keydown", (event_) => keyed(event_, items(), focus));
    const first = root.querySelector("[role=treeitem]");
    if (first) { first.tabIndex = 0; choose(root, first, detail); }
    return root;
  }

  const nested = (value) => typeof value === "object" && value !== null;

  function joined(path, name) {
    if (/^[^.[\]]+$/.test(name)) return path ? `${path}.${name}` : name;
    return `${path}[${JSON.stringify(name)}]`;
  }

  function childrenOf(value, path, fields) {
    return Array.isArray(value)
      ? value.map((each, index) => itemOf(String(index), each, `${path}[]`, fields, true))
      : Object.entries(value).map(([name, each]) => itemOf(name, each, joined(path, name), fields, false));
  }

  function itemOf(name, value, path, fields, inList) {
    const [type, meaning, optional] = fields[path] ?? [typeOf(value), inList ? "One element of the list" : "", false];
    const inner = nested(value) ? childrenOf(value, path, fields) : [];
    const label = `${inList ? `element ${name}` : name}, ${type}${optional ? ", may be missing" : ""}. ${meaning}`;
    const item = make("li", {
      role: "treeitem", tabindex: "-1", "aria-label": label, "aria-expanded": inner.length ? "true" : null,
      class: optional ? "optional" : null, "data-path": path, "data-type": type, "data-meaning": meaning, "data-optional": optional ? "1" : null,
    });
    item.append(make("span", { class: "event-line" },
      make("span", { class: "event-twist", "aria-hidden": "true" }, inner.length ? "▾" : ""),
      make("span", { class: "event-key" }, inList ? `[${name}]` : name),
      !inner.length && make("span", { class: "event-value" }, shown(value)),
      inner.length > 0 && make("span", { class: "course-quiet" }, Array.isArray(value) ? ` [${value.length}]` : "")));
    if (inner.length) item.append(make("ul", { role: "group" }, ...inner));
    return item;
  }

  const typeOf = (value) => (value === null ? "null" : Array.isArray(value) ? "list" : typeof value);

  function shown(value) {
    const text = JSON.stringify(value);
    return text.length > 120 ? `${text.slice(0, 118)} …` : text;
  }

  function toggle(item, open) {
    if (!item.hasAttribute("aria-expanded")) return;
    item.setAttribute("aria-expanded", String(open));
    item.querySelector(":scope > .event-line > .event-twist").textContent = open ? "▾" : "▸";
  }

  function keyed(event, items, focus) {
    const item = event.target.closest("[role=treeitem]");
    const place = items.indexOf(item);
    const open = item.getAttribute("aria-expanded");
    const acts = {
      ArrowDown: () => focus(items[place + 1]),
      ArrowUp: () => focus(items[place - 1]),
      Home: () => focus(items[0]),
      End: () => focus(items.at(-1)),
      ArrowRight: () => (open === "false" ? toggle(item, true) : open && focus(item.querySelector("[role=treeitem]"))),
      ArrowLeft: () => (open === "true" ? toggle(item, false) : focus(item.parentElement.closest("[role=treeitem]"))),
      Enter: () => toggle(item, open === "false"),
      " ": () => toggle(item, open === "false"),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !acts[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]();
  }

  function choose(root, item, detail) {
    if (!item) return;
    for (const other of root.querySelectorAll("[aria-selected=true]")) other.removeAttribute("aria-selected");
    item.setAttribute("aria-selected", "true");
    describe(item, detail);
  }

  function describe(item, detail) {
    if (!item) return;
    const { path, type, meaning, optional } = item.dataset;
    detail.replaceChildren(make("p", {}, make("code", {}, path)),
      make("p", { class: "course-quiet" }, type, optional ? " · may be missing" : ""), make("p", {}, meaning || "AWS documents no meaning."));
  }

  return { start };
})();
course.eventExplorer.start(document.getElementById("course-events"));

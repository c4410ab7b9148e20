/* What all interactive parts share: making elements, loading data, saying things aloud, keys.
   Classic scripts, not modules: a page opened from disk may load scripts, but neither modules nor JSON. */
globalThis.course = globalThis.course ?? { data: {} };

course.elements = (() => {
  const dataFolder = new URL("../../data/", document.currentScript.src).href;
  const site = new URL("../../../", document.currentScript.src).href;
  const loads = new Map();

  /* make("p", { class: "quiet", onclick: f, "aria-label": "x" }, "text", node): false, null and undefined are left out. */
  function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === false || value === null || value === undefined) continue;
      if (typeof value === "function") element.addEventListener(key.slice(2), value);
      else element.setAttribute(key, value === true ? "" : String(value));
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return element;
  }

  function button(words, onclick, kind = "") {
    return make("button", { type: "button", class: `course-button ${kind}`.trim(), onclick }, words);
  }

  /* Text of the bank as nodes: `code` in backticks, nothing else is markup. */
  function prose(text) {
    return String(text).trim().split(/`([^`]+)`/).map((part, index) => (index % 2 ? make("code", {}, part) : part));
  }

  /* The lines that a question is about, as they are; null where it has none. */
  function snippet(code) {
    return code ? make("pre", { class: "course-code" }, make("code", {}, code.text)) : null;
  }

  /* Run assets/data/NAME.js, which assigns to course.data; the same promise for every caller. */
  function load(name) {
    if (!loads.has(name)) {
      loads.set(name, new Promise((resolve, reject) => {
        const script = make("script", { src: `${dataFolder}${name}.js` });
        script.onload = () => resolve(course.data);
        script.onerror = () => {
          loads.delete(name);
          reject(new Error(`The file assets/data/${name}.js could not be loaded. Build the site again, then reload this page.`));
        };
        document.head.append(script);
      }));
    }
    return loads.get(name);
  }

  /* A polite live region in the app: what changed, for those who do not see it. */
  function announcer() {
    const region = make("p", { class: "course-said", "aria-live": "polite", role: "status" });
    return { region, say: (words) => { region.textContent = words; } };
  }

  /* Show children in an app and put the focus on their heading, so that keyboard and screen reader follow. */
  function show(stage, ...children) {
    stage.replaceChildren(...children);
    const heading = stage.querySelector("[data-heading]");
    if (heading) {
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
      const margin = parseFloat(getComputedStyle(heading).scrollMarginTop); // the site's head lies over what is above
      if (heading.getBoundingClientRect().top < margin) heading.scrollIntoView({ block: "start" });
    }
  }

  function heading(level, ...words) {
    return make(`h${level}`, { "data-heading": true, class: "course-heading" }, ...words);
  }

  /* One-letter keys while the focus is in the app, or nowhere: never in a field. `actions()` maps keys to functions.
     Taken before the theme sees them: its own n and p would leave the page. */
  function keys(app, actions) {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const at = document.activeElement;
      const typing = at?.matches("input:not([type=radio]):not([type=checkbox]), select, textarea");
      if (typing || !(at === null || at === document.body || app.contains(at))) return;
      const act = actions()[event.key];
      if (!act) return;
      if (event.key === "Enter" && at?.matches("button, a, summary")) return; // theirs by nature
      if (event.key === " " && at?.matches("button, a, summary, input")) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    }, true);
  }

  function shuffled(list, random = Math.random) {
    const copy = [...list];
    for (let last = copy.length - 1; last > 0; last -= 1) {
      const other = Math.floor(random() * (last + 1));
      [copy[last], copy[other]] = [copy[other], copy[last]];
    }
    return copy;
  }

  function select(label, choices, onchange, chosen) {
    const options = choices.map(([value, words]) => make("option", { value, selected: value === chosen }, words));
    const field = make("select", { onchange: () => onchange(field.value) }, ...options);
    return make("label", { class: "course-field" }, make("span", {}, label), field);
  }

  const counted = (count, one, many = `${one}s`) => `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;

  return { make, button, prose, snippet, load, announcer, show, heading, keys, shuffled, select, counted, site };
})();

/* Execution environments as lanes over time, from traces that the sandbox's simulation wrote: nothing here is made up. */
course.concurrency = (() => {
  const { make, button, load, select, counted } = course.elements;
  const SVG = "http://www.w3.org/2000/svg";
  const LIMIT_WORDS = {
    none: "no limit of its own", "reserved-3": "reserved concurrency 3", "reserved-10": "reserved concurrency 10",
    "provisioned-5": "provisioned concurrency 5",
  };
  const SHAPE_WORDS = { steady: "a steady stream", burst: "a burst in the middle" };
  const PAD = 8, AXIS = 26, REFUSED = 18;
  const STEP_MS = 50; // of simulated time, a frame
  let still = false;

  function start(app) {
    const data = course.data.traces;
    const [shape, rate, ms, limit] = data.first.split(" ");
    const motion = matchMedia("(prefers-reduced-motion: reduce)");
    still = motion.matches;
    motion.addEventListener("change", () => { still = motion.matches; });
    const state = { data, choice: { shape, rate, ms, limit }, at: 0, timer: 0, end: 0 };
    state.picture = make("div", { class: "lanes", tabindex: "0", role: "group", "aria-label": "Environments over time: Space plays, arrow keys move" });
    state.numbers = make("div", { class: "lanes-numbers" });
    state.said = make("p", { class: "course-said-aloud", role: "status", "aria-live": "polite" });
    state.table = make("div");
    state.time = make("input", { type: "range", min: 0, step: STEP_MS, "aria-label": "Moment shown", class: "lanes-time" });
    state.time.addEventListener("input", () => { pause(state); go(state, Number(state.time.value)); });
    state.play = button("Play", () => toggle(state), "primary");
    app.replaceChildren(controls(state), state.numbers, state.picture,
      make("div", { class: "course-row" }, state.play, button("Step", () => { pause(state); step(state, 1); }), state.time),
      legend(), state.said,
      make("details", { class: "course-panel" }, make("summary", {}, "The same as a table"), state.table));
    state.picture.addEventListener("keydown", (event) => keyed(state, event));
    new ResizeObserver(() => draw(state)).observe(state.picture);
    chosen(state);
  }

  /* ---- what is chosen ---- */

  function controls(state) {
    const { data, choice } = state;
    const set = (name) => (value) => { choice[name] = value; fetchAndShow(state); };
    return make("div", { class: "course-form" },
      slider("Callers a second", data.rates, choice.rate, (value) => `${value}`, set("rate")),
      slider("Each takes about", data.durations_ms, choice.ms, (value) => `${value} ms`, set("ms")),
      select("They come as", data.shapes.map((each) => [each, SHAPE_WORDS[each]]), set("shape"), choice.shape),
      select("The function has", data.limits.map((each) => [each, LIMIT_WORDS[each]]), set("limit"), choice.limit));
  }

  function slider(label, values, value, words, onchange) {
    const shown = make("span", {}, words(value)); // no <output>: the label would be its own
    const input = make("input", {
      type: "range", min: 0, max: values.length - 1, step: 1, value: values.indexOf(Number(value)), "aria-valuetext": words(value),
      oninput: () => {
        const now = values[Number(input.value)];
        shown.textContent = words(now);
        input.setAttribute("aria-valuetext", words(now));
        onchange(String(now));
      },
    });
    return make("label", { class: "course-field" }, make("span", {}, `${label}: `, shown), input);
  }

  async function fetchAndShow(state) {
    pause(state);
    try {
      const all = await load("traces-all");
      Object.assign(state.data.traces, all.allTraces);
      chosen(state);
    } catch (error) {
      state.said.textContent = error.message;
    }
  }

  function chosen(state) {
    const { shape, rate, ms, limit } = state.choice;
    state.trace = state.data.traces[`${shape} ${rate} ${ms} ${limit}`];
    const ends = state.trace.runs.map((run) => run[3]);
    state.end = Math.ceil(Math.max(state.data.seconds * 1000, ...ends) / STEP_MS) * STEP_MS;
    state.time.max = state.end;
    state.moments = moments(state.trace);
    state.lanes = state.trace.runs.reduce((most, run) => Math.max(most, run[0] + 1), state.trace.provisioned);
    state.table.replaceChildren(table(state));
    const { runs, throttled } = state.trace;
    state.said.textContent = `${counted(runs.length + throttled.length, "caller")}: ${counted(state.lanes, "environment")}, ` +
      `${counted(runs.filter((run) => run[4]).length, "cold start")}, ${counted(throttled.length, "throttle")}.`;
    go(state, state.end);
  }

  function moments({ runs, throttled }) {
    const all = runs.flatMap(([, , started, ended, init]) => (init ? [started - init, started, ended] : [started, ended]));
    return [...new Set([0, ...all, ...throttled])].sort((a, b) => a - b);
  }

  /* ---- time ---- */

  function toggle(state) {
    if (state.timer) { pause(state); return; }
    if (state.at >= state.end) go(state, 0);
    state.play.textContent = "Pause";
    // Who wants less motion gets a picture twice a second instead of a film.
    const every = still ? 500 : STEP_MS;
    state.timer = setInterval(() => {
      go(state, Math.min(state.at + every, state.end));
      if (state.at >= state.end) pause(state);
    }, every);
  }

  function pause(state) {
    clearInterval(state.timer);
    state.timer = 0;
    state.play.textContent = "Play";
  }

  /* To the next or the last moment at which something happens. */
  function step(state, by) {
    if (by > 0 && state.at >= state.end) { go(state, 0); return; }
    const to = by > 0 ? state.moments.find((at) => at > state.at) : state.moments.findLast((at) => at < state.at);
    go(state, to ?? (by > 0 ? state.end : 0));
    state.said.textContent = words(state);
  }

  function keyed(state, event) {
    const acts = {
      " ": () => toggle(state), ArrowRight: () => { pause(state); step(state, 1); }, ArrowLeft: () => { pause(state); step(state, -1); },
      Home: () => { pause(state); go(state, 0); }, End: () => { pause(state); go(state, state.end); },
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !acts[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]();
  }

  function go(state, at) {
    state.at = at;
    state.time.value = at;
    state.time.setAttribute("aria-valuetext", `${(at / 1000).toFixed(2)} seconds`);
    draw(state);
  }

  /* What every environment is doing at this moment, and what has happened until then. */
  function count({ trace, at }) {
    const ready = new Set(Array.from({ length: trace.provisioned }, (_, lane) => lane));
    let starting = 0, running = 0, served = 0, cold = 0;
    for (const [lane, , started, ended, init] of trace.runs) {
      if (at < started - init) continue;
      ready.add(lane);
      cold += init ? 1 : 0;
      if (at < started) starting += 1;
      else if (at < ended) running += 1;
      else served += 1;
    }
    return {
      starting, running, frozen: ready.size - starting - running, cold, served,
      throttled: trace.throttled.filter((each) => each <= at).length,
    };
  }

  function words(state) {
    const now = count(state);
    return `At ${(state.at / 1000).toFixed(2)} s: ${now.starting} starting, ${now.running} running, ${now.frozen} frozen; ` +
      `${now.cold} cold starts and ${now.throttled} throttled so far.`;
  }

  /* ---- the picture ---- */

  const shape = (name, attributes) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  function draw(state) {
    const now = count(state);
    const numbers = [["starting", now.starting, "cold"], ["running", now.running, "warm"], ["frozen", now.frozen, "rest"],
      ["cold starts", now.cold, ""], ["throttled", now.throttled, "refused"]];
    state.numbers.replaceChildren(...numbers.map(([label, value, kind]) =>
      make("span", { class: `lanes-number ${kind}` }, make("strong", {}, String(value)), ` ${label}`)));
    const width = state.picture.clientWidth;
    if (width < 40) return;
    const tall = Math.max(5, Math.min(18, Math.floor(320 / Math.max(state.lanes, 1))));
    const height = state.lanes * tall + REFUSED + AXIS;
    const x = (ms) => PAD + (ms / state.end) * (width - 2 * PAD);
    const svg = shape("svg", { width, height, "aria-hidden": "true" });
    axis(svg, state, x, height, width);
    bars(svg, state, x, tall);
    refusals(svg, state, x, state.lanes * tall + REFUSED / 2);
    svg.append(shape("line", { class: "now", x1: x(state.at), x2: x(state.at), y1: 0, y2: height - AXIS }));
    state.picture.replaceChildren(svg);
  }

  function axis(svg, state, x, height, width) {
    const every = width < 420 ? 4 : 2;
    for (let second = 0; second * 1000 <= state.end; second += every) {
      svg.append(shape("line", { class: "tick", x1: x(second * 1000), x2: x(second * 1000), y1: 0, y2: height - AXIS }));
      const label = shape("text", { x: x(second * 1000), y: height - 8, "text-anchor": second === 0 ? "start" : x(second * 1000) > width - 20 ? "end" : "middle" });
      label.textContent = `${second} s`;
      svg.append(label);
    }
  }

  /* Every lane is frozen from its birth on, except where it starts or runs. */
  function bars(svg, state, x, tall) {
    const { trace, at } = state;
    const born = new Map(Array.from({ length: trace.provisioned }, (_, lane) => [lane, 0]));
    for (const [lane, , started, , init] of trace.runs) if (!born.has(lane)) born.set(lane, started - init);
    for (const [lane, from] of born) {
      if (from > at) continue;
      const middle = lane * tall + tall / 2;
      svg.append(shape("line", { class: lane < trace.provisioned ? "frozen kept" : "frozen", x1: x(from), x2: x(at), y1: middle, y2: middle }));
    }
    const bar = (kind, lane, from, to) => {
      if (from >= at || to <= from) return;
      const wide = Math.max(1, x(Math.min(to, at)) - x(from));
      svg.append(shape("rect", { class: kind, x: x(from), y: lane * tall + 1, width: wide, height: tall - 2, rx: Math.min(3, tall / 4) }));
    };
    for (const [lane, , started, ended, init] of trace.runs) {
      bar("cold", lane, started - init, started);
      bar("warm", lane, started, ended);
    }
  }

  function refusals(svg, state, x, y) {
    for (const at of state.trace.throttled) {
      if (at > state.at) continue;
      svg.append(shape("path", { class: "refused", d: `M${x(at) - 3} ${y - 3}l6 6m0 -6l-6 6` }));
    }
  }

  function legend() {
    const entries = [["cold", "starts (init)"], ["warm", "runs one invocation"], ["rest", "frozen: kept, idle, free of charge"],
      ["kept", "frozen, provisioned: ready and paid for"], ["refused", "a caller was throttled"]];
    return make("ul", { class: "lanes-legend" }, ...entries.map(([kind, text]) =>
      make("li", {}, make("span", { class: `lanes-key ${kind}`, "aria-hidden": "true" }, kind === "refused" ? "×" : ""), text)));
  }

  function table({ trace, lanes, data }) {
    const rows = Array.from({ length: lanes }, (_, lane) => {
      const runs = trace.runs.filter((run) => run[0] === lane);
      const init = runs.reduce((sum, run) => sum + run[4], 0);
      const busy = runs.reduce((sum, run) => sum + run[3] - run[2], 0);
      const from = lane < trace.provisioned ? "ready before" : runs.length ? `${((runs[0][2] - runs[0][4]) / 1000).toFixed(2)} s` : "";
      return make("tr", {}, make("th", { scope: "row" }, String(lane + 1)), ...[from, init ? `${init} ms` : "–", String(runs.length), `${(busy / 1000).toFixed(2)} s`]
        .map((text) => make("td", {}, text)));
    });
    return make("div", { class: "course-scroll", tabindex: "0", role: "region", "aria-label": "Environments as a table" },
      make("table", { class: "course-table" },
        make("caption", {}, `Environments in ${data.seconds} s of traffic; ${counted(trace.throttled.length, "caller")} throttled`),
        make("thead", {}, make("tr", {}, ...["Environment", "Started", "Init", "Invocations", "Busy"].map((word) => make("th", { scope: "col" }, word)))),
        make("tbody", {}, ...rows)));
  }

  return { start, count };
})();
course.concurrency.start(document.getElementById("course-concurrency"));

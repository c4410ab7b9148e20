/* Practice: choose what about, answer, see at once why each option is right or wrong. */
course.practice = (() => {
  const { make, button, announcer, show, heading, keys, shuffled, select, counted } = course.elements;
  const bank = course.bank;
  const WAYS = [["all", "All of them"], ["new", "Not yet answered"], ["missed", "Wrong the last time"]];
  const DIFFICULTIES = [["", "Any difficulty"], ["1", "1 · recall"], ["2", "2 · apply"], ["3", "3 · decide"]];

  /* What the address asks for, as in ?exam=DVA-C02&which=missed; what is unknown counts for nothing. */
  function asked() {
    const given = new URLSearchParams(location.search);
    const one = (name, known, otherwise) => (known.includes(given.get(name)) ? given.get(name) : otherwise);
    return {
      exam: one("exam", bank.exams().map((exam) => exam.code), ""), topic: "", difficulty: "",
      way: one("which", WAYS.map(([way]) => way), "all"),
    };
  }

  function start(app) {
    const stage = make("div", { class: "course-stage" });
    const { region, say } = announcer();
    const state = { filter: asked(), round: null, say, stage };
    app.replaceChildren(stage, region, course.progressPanel.panel());
    keys(app, () => (state.round ? state.round.keys() : {}));
    choose(state, false);
  }

  function choose(state, moveFocus = true) {
    state.round = null;
    const { filter } = state;
    const found = make("p", { class: "course-count", role: "status", "aria-live": "polite" });
    const go = button("Start", () => begin(state), "primary");
    const set = (name) => (value) => { filter[name] = value; count(); };
    const count = () => {
      const rows = matching(filter);
      go.disabled = rows.length === 0;
      found.textContent = rows.length ? `${counted(rows.length, "question")}.` : empty(filter);
    };
    const form = make("form", { class: "course-form", onsubmit: (event) => { event.preventDefault(); if (!go.disabled) begin(state); } },
      select("Exam", [["", "All exams"], ...bank.exams().map((exam) => [exam.code, `${exam.code} ${exam.name}`])], set("exam"), filter.exam),
      select("Topic", [["", "All topics"], ...Object.entries(bank.topics())], set("topic"), filter.topic),
      select("Difficulty", DIFFICULTIES, set("difficulty"), filter.difficulty),
      select("Which", WAYS, set("way"), filter.way));
    const parts = [heading(2, "What do you want to practise?"), form, found, make("div", { class: "course-row" }, go)];
    if (moveFocus) show(state.stage, ...parts);
    else state.stage.replaceChildren(...parts);
    count();
  }

  function matching(filter) {
    const { answers } = course.progress.read();
    const known = (id) => (Object.hasOwn(answers, id) ? answers[id] : null);
    return bank.filtered(filter).filter(({ id }) =>
      filter.way === "all" || (filter.way === "new" ? !known(id) : known(id) && !known(id).last));
  }

  function empty({ exam, way }) {
    if (exam && bank.ofExam(bank.index(), exam).length === 0) return `There are no questions for ${exam} yet.`;
    if (way === "new") return "None left: you have answered all of these.";
    if (way === "missed") return "None: nothing here was wrong the last time.";
    return "No question is about all of this; choose more widely.";
  }

  async function begin(state) {
    try {
      await bank.open();
    } catch (error) {
      state.say(error.message);
      return;
    }
    const { answers } = course.progress.read();
    const rows = shuffled(matching(state.filter));
    const seen = (row) => (Object.hasOwn(answers, row.id) ? 1 : 0);
    rows.sort((a, b) => seen(a) - seen(b)); // a stable sort: what is new comes first, each part shuffled
    state.round = round(state, rows.map((row) => row.id));
    state.round.draw();
  }

  function round(state, ids) {
    const given = new Map(); // question id -> chosen places, once checked
    let at = 0, view = null, check = null;

    const question = () => bank.question(ids[at]);
    const right = () => ids.filter((id) => given.has(id) && bank.isRight(bank.question(id), given.get(id))).length;

    function draw() {
      const done = given.has(ids[at]);
      view = course.questionView.view(question(), {
        chosen: given.get(ids[at]) ?? [], revealed: done, onchange: () => { check.disabled = view.chosen().length === 0; },
      });
      check = button("Check", answer, "primary");
      check.disabled = true;
      const next = button(at + 1 < ids.length ? "Next" : "Finish", forward, done ? "primary" : "");
      show(state.stage,
        heading(2, `Question ${at + 1} of ${ids.length}`),
        given.size > 0 && make("p", { class: "course-quiet" }, `${right()} right of ${given.size} answered`),
        view.element,
        make("div", { class: "course-row" }, !done && check, next,
          at > 0 && button("Previous", back, "quiet"), button("Stop", finish, "quiet")),
        make("p", { class: "course-quiet course-keys" }, "Keys: 1–5 choose, Enter checks, n next, p previous"));
    }

    function answer() {
      const chosen = view.chosen();
      if (chosen.length === 0 || given.has(ids[at])) return;
      given.set(ids[at], chosen);
      const good = bank.isRight(question(), chosen);
      course.progress.answered(ids[at], good);
      draw();
      state.stage.querySelector("[data-heading]").textContent = `Question ${at + 1} of ${ids.length}: ${good ? "right" : "not right"}`;
      state.say(good ? "Right." : "Not right. Each option now says why.");
    }

    function forward() {
      if (at + 1 >= ids.length) { finish(); return; }
      at += 1;
      state.say("");
      draw();
    }

    function back() {
      if (at > 0) { at -= 1; draw(); }
    }

    function finish() {
      const missed = ids.filter((id) => given.has(id) && !bank.isRight(bank.question(id), given.get(id)));
      state.round = null;
      show(state.stage,
        heading(2, given.size ? `${right()} of ${given.size} right` : "Nothing answered this time"),
        missed.length > 0 && make("p", {}, `${counted(missed.length, "question")} to look at again: choose “Wrong the last time”.`),
        make("div", { class: "course-row" }, button("Practise more", () => choose(state), "primary")));
    }

    const choices = Object.fromEntries([1, 2, 3, 4, 5].map((key) => [String(key), () => view.choose(key - 1)]));
    const keyMap = () => ({ ...choices, n: forward, p: back, Enter: () => (given.has(ids[at]) ? forward() : answer()) });
    return { draw, keys: keyMap };
  }

  return { start };
})();
course.practice.start(document.getElementById("course-practice"));

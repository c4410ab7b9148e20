/* The mock exam: a sitting with a clock that goes on while the page is closed, flags, a review, a result by domain. */
course.exam = (() => {
  const { make, button, announcer, show, heading, keys, counted } = course.elements;
  const bank = course.bank, rules = course.examDraw;
  const WARNINGS_MIN = [30, 10, 5, 1];

  function start(app) {
    const stage = make("div", { class: "course-stage" });
    const { region, say } = announcer();
    const state = { stage, say, screen: "start", view: null, ticking: 0 };
    app.replaceChildren(stage, region, course.progressPanel.panel());
    keys(app, () => keyMap(state));
    welcome(state, false);
  }

  const sitting = () => course.progress.read().exam;
  const examOf = (code) => bank.exams().find((exam) => exam.code === code);

  function change(action) {
    course.progress.update((value) => { if (value.exam) action(value.exam); });
  }

  function keyMap(state) {
    if (state.screen !== "question") return {};
    const choices = Object.fromEntries([1, 2, 3, 4, 5].map((key) => [String(key), () => state.view.choose(key - 1)]));
    return { ...choices, f: () => flag(state), r: () => review(state), n: () => move(state, 1), p: () => move(state, -1), Enter: () => move(state, 1) };
  }

  /* ---- before ---- */

  function welcome(state, moveFocus = true) {
    state.screen = "start";
    const open = sitting();
    const parts = [heading(2, open ? "An exam is running" : "Choose an exam"), open ? running(state, open) : choices(state), ...past(state)];
    if (moveFocus) show(state.stage, ...parts);
    else state.stage.replaceChildren(...parts);
  }

  function running(state, open) {
    const exam = examOf(open.exam);
    const left = open.endsAt - Date.now();
    const words = left > 0
      ? `${open.exam}: ${counted(Object.keys(open.answers).length, "question")} of ${open.questions.length} answered, ${clock(left)} left.`
      : `${open.exam}: its time ran out while you were away.`;
    return make("div", {},
      make("p", {}, exam ? words : `The exam ${open.exam} is no longer in this course.`),
      make("div", { class: "course-row" },
        exam && button(left > 0 ? "Go on" : "See the result", () => resume(state), "primary"),
        button("Throw it away", () => { course.progress.update((value) => { value.exam = null; }); welcome(state); }, "quiet")));
  }

  function choices(state) {
    return make("div", { class: "course-cards" }, ...bank.exams().map((exam) => {
      const rows = bank.ofExam(bank.index(), exam.code);
      const size = Math.min(exam.questions, rows.length);
      const short = size < exam.questions ? ` The real one has ${exam.questions} in ${exam.minutes} minutes; our bank holds ${size} for it so far.` : "";
      return make("section", { class: "course-card", "aria-label": exam.code },
        make("h3", {}, exam.code), make("p", {}, exam.name),
        make("p", { class: "course-quiet" }, size
          ? `${counted(size, "question")} in ${counted(rules.minutes(exam, size), "minute")}, drawn by the weights of its domains.${short}`
          : "There are no questions for this exam yet."),
        size > 0 && button(`Begin ${exam.code}`, () => begin(state, exam), "primary"));
    }));
  }

  function past(state) {
    const { results, last } = course.progress.read();
    if (results.length === 0) return [];
    return [make("h3", {}, "Your results so far"), make("ul", {}, ...results.slice(-10).reverse().map((row) =>
      make("li", {}, `${new Date(row.at).toLocaleDateString()}: ${row.exam}, ${row.right} of ${row.total} (${percent(row.right, row.total)})`))),
      last && make("div", { class: "course-row" }, button("Look through the last one again", () => again(state)))].filter(Boolean);
  }

  async function again(state) {
    if (!(await opened(state))) return;
    const { last } = course.progress.read();
    const exam = examOf(last.exam);
    const open = { ...last, questions: last.questions.filter((id) => bank.question(id)) };
    if (exam) after(state, exam, open, rules.mark(exam, open), false);
    else state.say(`The exam ${last.exam} is no longer in this course.`);
  }

  async function opened(state) {
    try {
      await bank.open();
      return true;
    } catch (error) {
      state.say(error.message);
      return false;
    }
  }

  async function begin(state, exam) {
    if (!(await opened(state))) return;
    const questions = rules.draw(exam, bank.index());
    const now = Date.now();
    course.progress.update((value) => {
      value.exam = {
        exam: exam.code, questions, answers: {}, flags: [], at: 0,
        startedAt: now, endsAt: now + rules.minutes(exam, questions.length) * 60_000,
      };
    });
    enter(state);
  }

  async function resume(state) {
    if (!(await opened(state))) return;
    change((open) => { // a question that has left the bank since is left out
      open.questions = open.questions.filter((id) => bank.question(id));
      open.at = Math.max(0, Math.min(open.at, open.questions.length - 1));
    });
    if (sitting().questions.length === 0) {
      course.progress.update((value) => { value.exam = null; });
      welcome(state);
      state.say("None of its questions is in the bank any more, so the exam was closed.");
    } else if (sitting().endsAt <= Date.now()) finish(state, true);
    else enter(state);
  }

  /* ---- in it ---- */

  function enter(state) {
    clearInterval(state.ticking);
    state.ticking = setInterval(() => tick(state), 1000);
    ask(state);
  }

  function tick(state) {
    const open = sitting();
    if (!open) { clearInterval(state.ticking); return; }
    const left = open.endsAt - Date.now();
    if (left <= 0) { finish(state, true); return; }
    const face = state.stage.querySelector(".course-clock");
    if (face) face.textContent = clock(left);
    const seconds = Math.ceil(left / 1000);
    if (WARNINGS_MIN.includes(seconds / 60)) state.say(`${counted(seconds / 60, "minute")} left.`);
  }

  function bar(open) {
    return make("div", { class: "course-bar" },
      make("span", {}, `${counted(Object.keys(open.answers).length, "question")} answered, ${open.flags.length} flagged`),
      make("span", { class: "course-clock", role: "timer", "aria-label": "Time left" }, clock(open.endsAt - Date.now())));
  }

  function ask(state) {
    const open = sitting();
    if (!open) { welcome(state); return; }
    const id = open.questions[open.at];
    state.screen = "question";
    state.view = course.questionView.view(bank.question(id), {
      chosen: open.answers[id] ?? [],
      onchange: (chosen) => {
        change((now) => { if (chosen.length) now.answers[id] = chosen; else delete now.answers[id]; });
        state.stage.querySelector(".course-bar").replaceWith(bar(sitting()));
      },
    });
    show(state.stage,
      bar(open),
      heading(2, `Question ${open.at + 1} of ${open.questions.length}`),
      state.view.element,
      make("div", { class: "course-row" },
        button("Next", () => move(state, 1), "primary"), button("Previous", () => move(state, -1)),
        flagButton(state, open.flags.includes(id)), button("Review", () => review(state), "quiet")),
      make("p", { class: "course-quiet course-keys" }, "Keys: 1–5 choose, n next, p previous, f flag, r review"));
  }

  function flagButton(state, on) {
    const made = button(on ? "⚑ Flagged" : "⚐ Flag", () => flag(state), "course-flag");
    made.setAttribute("aria-pressed", String(on));
    return made;
  }

  function flag(state) {
    const open = sitting();
    const id = open.questions[open.at];
    const on = !open.flags.includes(id);
    change((now) => { now.flags = on ? [...now.flags, id] : now.flags.filter((each) => each !== id); });
    const old = state.stage.querySelector(".course-flag");
    const focused = document.activeElement === old;
    const fresh = flagButton(state, on);
    old.replaceWith(fresh);
    if (focused) fresh.focus();
    state.stage.querySelector(".course-bar").replaceWith(bar(sitting()));
    state.say(on ? "Flagged." : "Flag taken away.");
  }

  function move(state, step) {
    const open = sitting();
    if (!open) { welcome(state); return; }
    const to = open.at + step;
    if (to < 0) { state.say("This is the first question."); return; }
    if (to >= open.questions.length) { review(state); return; }
    change((now) => { now.at = to; });
    state.say("");
    ask(state);
  }

  function review(state) {
    const open = sitting();
    state.screen = "review";
    const unanswered = open.questions.filter((id) => !open.answers[id]).length;
    const grid = make("ol", { class: "course-grid" }, ...open.questions.map((id, place) => {
      const flagged = open.flags.includes(id), done = Boolean(open.answers[id]);
      const words = `Question ${place + 1}: ${done ? "answered" : "not answered"}${flagged ? ", flagged" : ""}`;
      return make("li", {}, make("button", {
        type: "button", class: `course-cell${done ? " done" : ""}${flagged ? " flagged" : ""}`, "aria-label": words,
        onclick: () => { change((now) => { now.at = place; }); ask(state); },
      }, `${place + 1}${flagged ? " ⚑" : ""}`));
    }));
    show(state.stage,
      bar(open),
      heading(2, "Review"),
      make("p", {}, unanswered ? `${counted(unanswered, "question")} without an answer count as wrong: guessing costs nothing.` : "Every question has an answer."),
      grid,
      make("p", { class: "course-quiet" }, "Filled: answered. ⚑: flagged. Choose a number to go back to it."),
      make("div", { class: "course-row" },
        button("Back to the questions", () => ask(state)), button("Hand it in", () => finish(state, false), "primary")));
  }

  /* ---- after ---- */

  function finish(state, late) {
    clearInterval(state.ticking);
    const open = sitting();
    if (!open) { welcome(state); return; }
    const exam = examOf(open.exam);
    const result = { exam: open.exam, at: Date.now(), ...rules.mark(exam, open) };
    for (const id of Object.keys(open.answers)) {
      if (bank.question(id)) course.progress.answered(id, bank.isRight(bank.question(id), open.answers[id]));
    }
    course.progress.update((value) => course.progress.finished(value, result, open));
    after(state, exam, open, result, late);
    state.say(`${result.right} of ${result.total} right.`);
  }

  function after(state, exam, open, result, late) {
    state.screen = "result";
    show(state.stage, ...course.examResult.screen(exam, open, result, late), make("div", { class: "course-row" },
      button("To the start", () => welcome(state), "primary")));
  }

  function clock(ms) {
    const seconds = Math.max(0, Math.ceil(ms / 1000));
    const two = (value) => String(value).padStart(2, "0");
    return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  }

  const percent = (right, total) => `${total ? Math.round((right / total) * 100) : 0} %`;

  return { start, clock, percent };
})();

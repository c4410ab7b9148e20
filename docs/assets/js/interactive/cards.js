/* Cards in five boxes, made of the glossary's terms and of the questions. */
course.cards = (() => {
  const { make, button, prose, snippet, announcer, show, heading, keys, select, load, counted, site } = course.elements;
  const bank = course.bank, leitner = course.leitner;
  const DECKS = [["all", "Terms and questions"], ["terms", "Terms of the glossary"], ["questions", "Exam questions"]];

  function start(app) {
    const stage = make("div", { class: "course-stage" });
    const { region, say } = announcer();
    const state = { stage, say, deck: "all", exam: "", round: null };
    app.replaceChildren(stage, region, course.progressPanel.panel());
    keys(app, () => (state.round ? state.round.keys() : {}));
    document.addEventListener("course-progress", () => { if (!state.round) overview(state, false); });
    overview(state, false);
  }

  const termIds = () => course.data.questionIndex.terms.map((slug) => `term:${slug}`);
  const questionIds = (exam) => bank.ofExam(bank.index(), exam).map((row) => row.id);
  /* Terms and questions in turn, so that new cards are of both kinds. */
  function idsOf({ deck, exam }) {
    const terms = deck === "questions" ? [] : termIds();
    const questions = deck === "terms" ? [] : questionIds(exam);
    return Array.from({ length: Math.max(terms.length, questions.length) }, (_, place) => [terms[place], questions[place]]).flat().filter(Boolean);
  }

  function overview(state, moveFocus = true) {
    state.round = null;
    const { cards } = course.progress.read();
    const ids = idsOf(state);
    const now = leitner.due(ids, cards);
    const waiting = now.filter((id) => Object.hasOwn(cards, id)).length;
    const go = button(now.length ? `Study ${counted(now.length, "card")}` : "Nothing is due", () => begin(state), "primary");
    go.disabled = now.length === 0;
    const words = ids.length === 0 ? "There are no cards of this kind yet."
      : `${waiting} due today, ${now.length - waiting} new, of ${counted(ids.length, "card")}.`;
    const redraw = (name) => (value) => { state[name] = value; overview(state, false); state.stage.querySelector(`[data-field=${name}] select`)?.focus(); };
    const deck = select("Cards", DECKS, redraw("deck"), state.deck);
    const exam = select("Questions of", [["", "all exams"], ...bank.exams().map((each) => [each.code, each.code])], redraw("exam"), state.exam);
    deck.dataset.field = "deck";
    exam.dataset.field = "exam";
    const parts = [heading(2, "Your boxes"), boxes(leitner.boxes(ids, cards)),
      make("div", { class: "course-form" }, deck, state.deck !== "terms" && exam),
      make("p", { role: "status" }, words), make("div", { class: "course-row" }, go)];
    if (moveFocus) show(state.stage, ...parts);
    else state.stage.replaceChildren(...parts);
  }

  function boxes(counts) {
    return make("ol", { class: "course-boxes" }, ...counts.map((count, place) => make("li", {},
      make("span", { class: "course-box-count" }, String(count)),
      make("span", { class: "course-quiet" }, `box ${place + 1}`),
      make("span", { class: "course-quiet" }, `every ${counted(leitner.DAYS[place], "day")}`))));
  }

  async function begin(state) {
    try {
      await Promise.all([bank.open(), load("glossary")]);
    } catch (error) {
      state.say(error.message);
      return;
    }
    state.round = round(state, leitner.due(idsOf(state), course.progress.read().cards));
    state.round.draw();
  }

  function faces(id) {
    if (id.startsWith("term:")) {
      const term = course.data.glossary[id.slice(5)];
      return {
        kind: "Term", front: [make("p", { class: "course-front" }, term.term)],
        back: [make("p", {}, ...prose(term.meaning)), make("p", {}, make("a", { href: site + term.address, target: "_blank" }, "In the glossary, in a new tab"))],
      };
    }
    const question = bank.question(id);
    const right = question.options.filter((option) => option.right);
    return {
      kind: "Question", front: [make("p", {}, ...prose(question.scenario)), snippet(question.code),
        make("ul", {}, ...question.options.map((option) => make("li", {}, ...prose(option.text))))],
      back: right.map((option) => make("div", { class: "course-option right" },
        make("p", {}, make("strong", {}, ...prose(option.text))), make("p", { class: "course-why" }, ...prose(option.why)))),
    };
  }

  function round(state, first) {
    const queue = [...first];
    let shown = false, done = 0;

    function draw() {
      const id = queue[0];
      if (!id) { finish(); return; }
      const { cards } = course.progress.read();
      const { kind, front, back } = faces(id);
      const box = Object.hasOwn(cards, id) ? `box ${cards[id].box}` : "new";
      show(state.stage,
        heading(2, `${kind}, ${box}`),
        make("p", { class: "course-quiet" }, `${counted(queue.length, "card")} to go`),
        make("div", { class: "course-card course-flash" }, ...front, shown && make("div", { class: "course-back" }, ...back)),
        make("div", { class: "course-row" },
          !shown && button("Show the answer", turn, "primary"),
          shown && button("I knew it", () => rate(true), "primary"), shown && button("Not yet", () => rate(false)),
          button("Stop", () => overview(state), "quiet")),
        make("p", { class: "course-quiet course-keys" }, shown ? "Keys: 1 not yet, 2 knew it" : "Keys: Space shows the answer"));
    }

    function turn() {
      shown = true;
      draw();
      state.say("The answer is shown.");
    }

    function rate(known) {
      const id = queue.shift();
      course.progress.update((value) => {
        value.cards[id] = leitner.after(Object.hasOwn(value.cards, id) ? value.cards[id] : null, known);
      });
      if (known) done += 1;
      else queue.push(id); // once more today
      shown = false;
      state.say(known ? "Known." : "It comes again.");
      draw();
    }

    function finish() {
      state.round = null;
      overview(state);
      state.say(`Done for now: ${counted(done, "card")} known.`);
    }

    return {
      draw,
      keys: () => (shown ? { 1: () => rate(false), 2: () => rate(true) } : { " ": turn, Enter: turn }),
    };
  }

  return { start };
})();
course.cards.start(document.getElementById("course-cards"));

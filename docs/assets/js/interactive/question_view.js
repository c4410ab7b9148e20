/* One question as a form: choose by click, by Tab and Space, or by the keys 1 to 5; then what each option is about. */
course.questionView = (() => {
  const { make, prose, snippet, site } = course.elements;

  /* `onchange(chosen)` gets the places of the chosen options. The view has: element, choose(place), chosen(), reveal(). */
  function view(question, { chosen = [], revealed = false, onchange = () => {}, number = "" } = {}) {
    const many = question.options.filter((option) => option.right).length;
    const inputs = question.options.map((_, place) => make("input", {
      type: many > 1 ? "checkbox" : "radio",
      name: `course-option-${question.id}${number}`,
      value: place,
      checked: chosen.includes(place),
      onchange: () => onchange(current()),
    }));
    const options = question.options.map((option, place) => optionRow(option, place, inputs[place]));
    const current = () => inputs.flatMap((input, place) => (input.checked ? [place] : []));
    const list = make("fieldset", { class: "course-question" },
      make("legend", { class: "course-scenario" }, ...prose(question.scenario)),
      snippet(question.code),
      make("p", { class: "course-quiet course-howmany" }, many > 1 ? `Choose ${many === 2 ? "two" : many}.` : "Choose one."),
      ...options);
    const made = {
      element: list,
      chosen: current,
      choose(place) {
        const input = inputs[place];
        if (!input || input.disabled) return;
        input.checked = many > 1 ? !input.checked : true;
        input.focus();
        onchange(current());
      },
      reveal() {
        options.forEach((row, place) => explain(row, question.options[place], inputs[place]));
        list.append(reading(question));
      },
    };
    if (revealed) made.reveal();
    return made;
  }

  function optionRow(option, place, input) {
    return make("div", { class: "course-option" },
      make("label", {}, input, make("kbd", { "aria-hidden": "true" }, String(place + 1)),
        make("span", {}, ...prose(option.text))));
  }

  function explain(row, option, input) {
    input.disabled = true;
    row.classList.add(option.right ? "right" : "wrong");
    const verdict = option.right ? (input.checked ? "Right, and chosen" : "Right, not chosen") : input.checked ? "Chosen, but wrong" : "Wrong";
    row.classList.toggle("chosen", input.checked);
    row.append(make("p", { class: "course-why" }, make("strong", {}, `${verdict}. `), ...prose(option.why)));
  }

  /* Where to read on: the page, the lab, and the facts with source and date. In a new tab: whoever left would lose their place here. */
  function reading(question) {
    const links = [["page", question.page], ["lab", question.lab]].flatMap(([, target]) =>
      target ? [make("a", { href: site + target.address, target: "_blank" }, target.title)] : []);
    const facts = question.facts.map((id) => course.bank.fact(id)).filter(Boolean);
    return make("div", { class: "course-reading" },
      links.length > 0 && make("p", {}, "Read and try, in a new tab: ", ...links.flatMap((link, place) => (place ? [" · ", link] : [link]))),
      facts.length > 0 && make("details", {}, make("summary", {}, "The facts behind it"),
        make("ul", {}, ...facts.map((fact) => make("li", {}, ...prose(fact.statement), " ",
          make("span", { class: "course-quiet" }, "(", ...sources(fact), `, checked ${fact.checked})`))))),
      make("p", { class: "course-quiet" }, `${question.id} · ${question.exams.map((pair) => pair.join(" task ")).join(", ")} · difficulty ${question.difficulty} of 3`));
  }

  const sources = (fact) => fact.sources.flatMap(([title, address], place) =>
    [place ? "; " : "", make("a", { href: address, rel: "noreferrer", target: "_blank" }, title)]);

  return { view };
})();

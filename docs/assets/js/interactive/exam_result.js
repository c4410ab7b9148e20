/* What a mock exam came to: by domain first, then every question with its reasons. */
course.examResult = (() => {
  const { make, heading, counted } = course.elements;
  const bank = course.bank;

  function screen(exam, open, result, late) {
    const { percent } = course.exam;
    return [
      heading(2, `${exam.code}: ${result.right} of ${result.total} right (${percent(result.right, result.total)})`),
      late && make("p", {}, "The time was up; what was answered until then was marked."),
      make("p", { class: "course-note" },
        `AWS reports a scaled score from 100 to 1,000 and passes ${exam.code} from ${exam.pass}. A scaled score is no percentage: it evens out ` +
        `how hard the questions were, and AWS does not publish how. Nor does this bank ask about the whole exam: only about ` +
        "what touches Lambda and serverless. Take this figure as a guide to what to read, not as a forecast."),
      domains(exam, result),
      ...part(open, false),
      ...part(open, true),
    ].filter(Boolean);
  }

  /* What went wrong comes first: that is what people came for. */
  function part(open, good) {
    const rows = open.questions.map((id, place) => ({ id, place })).filter(({ id }) => good === isGood(id, open));
    if (rows.length === 0) return [];
    const practise = make("a", { href: `practice.html?exam=${open.exam}&which=missed` }, "practise those that you answered wrongly");
    return [
      make("h3", {}, good ? `Right: ${counted(rows.length, "question")}` : `To look at again: ${counted(rows.length, "question")}`),
      !good && Object.keys(open.answers).length > 0 && make("p", {}, "Open one to see why. Later, ", practise, "."),
      ...rows.map(({ id, place }) => row(id, place, open)),
    ];
  }

  const isGood = (id, open) => bank.isRight(bank.question(id), open.answers[id] ?? []);

  function domains(exam, result) {
    const rows = exam.domains.map((domain) => {
      const [right, total] = result.domains[domain.key] ?? [0, 0];
      const share = total ? (right / total) * 100 : 0;
      return make("tr", {},
        make("th", { scope: "row" }, domain.name),
        make("td", {}, `${domain.weight} %`),
        make("td", {}, total ? `${right} of ${total}` : "none asked"),
        make("td", {}, make("span", { class: "course-meter", "aria-hidden": "true" }, make("span", { style: `width:${share}%` }))));
    });
    return make("div", { class: "course-scroll", tabindex: "0", role: "region", "aria-label": "Result by domain" },
      make("table", { class: "course-table course-domains" },
        make("caption", {}, "Result by domain"),
        make("thead", {}, make("tr", {}, ...["Domain", "Weight", "Right", ""].map((word) =>
          word ? make("th", { scope: "col" }, word) : make("td", {})))),
        make("tbody", {}, ...rows)));
  }

  /* The view is made when it is opened: 65 questions with all their reasons are a long page. */
  function row(id, place, open) {
    const question = bank.question(id);
    const chosen = open.answers[id] ?? [];
    const good = isGood(id, open);
    const details = make("details", { class: `course-answered ${good ? "right" : "wrong"}` },
      make("summary", {}, `${place + 1}. ${good ? "Right" : chosen.length ? "Wrong" : "Not answered"}: ${short(question.scenario)}`));
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) {
        details.append(course.questionView.view(question, { chosen, revealed: true, number: `-${place}` }).element);
      }
    });
    return details;
  }

  const short = (text) => {
    const words = text.replaceAll("`", "");
    return words.length > 90 ? `${words.slice(0, 88).replace(/\s+\S*$/, "")} …` : words;
  };

  return { screen };
})();
course.exam.start(document.getElementById("course-exam"));

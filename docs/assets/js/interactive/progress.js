/* What the learner has done, in this browser alone: read, checked, written, taken out and in as a file.
   Every change is read - change - write in one go, so that two open pages do not undo each other's. */
course.progress = (() => {
  const KEY = "lambda-course", KEPT = "lambda-course.unreadable", VERSION = 1;
  const BOXES = 5, MOST_RESULTS = 200, MOST_BYTES = 5_000_000;
  let memory = null; // the only copy where the browser stores nothing
  let trouble = "";

  const nothing = () => ({ version: VERSION, answers: {}, cards: {}, exam: null, results: [], last: null });
  const isMap = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  const isCount = (value) => Number.isInteger(value) && value >= 0;
  const isMoment = (value) => Number.isFinite(value) && value >= 0;
  const isId = (value) => typeof value === "string" && /^[\w:.-]{1,120}$/.test(value) && value !== "__proto__";
  const isDay = (value) => typeof value === "string" && /^\d{4}-\d\d-\d\d$/.test(value);

  const isAnswer = (row) =>
    isMap(row) && isCount(row.seen) && isCount(row.right) && row.right <= row.seen && typeof row.last === "boolean" && isMoment(row.at);
  const isCard = (row) => isMap(row) && isCount(row.box) && row.box >= 1 && row.box <= BOXES && isDay(row.due) && isMoment(row.at);
  const isDomains = (rows) => isMap(rows) && Object.values(rows).every((row) => Array.isArray(row) && row.length === 2 && row.every(isCount));
  const isResult = (row) =>
    isMap(row) && isId(row.exam) && isMoment(row.at) && isCount(row.right) && isCount(row.total) && row.right <= row.total && isDomains(row.domains);
  const isExam = (row) =>
    isMap(row) && isId(row.exam) && Array.isArray(row.questions) && row.questions.length > 0 && row.questions.every(isId) &&
    isMap(row.answers) && Object.entries(row.answers).every(([id, list]) => isId(id) && Array.isArray(list) && list.every(isCount)) &&
    Array.isArray(row.flags) && row.flags.every(isId) && isMoment(row.startedAt) && isMoment(row.endsAt) &&
    isCount(row.at) && row.at < row.questions.length;
  const allOf = (rows, check) => isMap(rows) && Object.entries(rows).every(([id, row]) => isId(id) && check(row));

  /* Return what is wrong with a value that should be progress, as a sentence; "" is nothing. */
  function fault(value) {
    if (!isMap(value) || !("version" in value)) return "It is not a progress file of this course.";
    if (value.version !== VERSION) return `It is of version ${String(value.version).slice(0, 20)}, and this page reads version ${VERSION}.`;
    if (!allOf(value.answers, isAnswer)) return "Its list of answers is damaged.";
    if (!allOf(value.cards, isCard)) return "Its list of cards is damaged.";
    if (!Array.isArray(value.results) || value.results.length > MOST_RESULTS || !value.results.every(isResult)) return "Its list of exam results is damaged.";
    if (value.exam !== null && !isExam(value.exam)) return "Its unfinished exam is damaged.";
    if ((value.last ?? null) !== null && !isExam(value.last)) return "Its last exam is damaged.";
    return "";
  }

  function parse(text) {
    try {
      const value = JSON.parse(text);
      return { value, fault: fault(value) };
    } catch {
      return { value: null, fault: "It is not JSON." };
    }
  }

  function read() {
    if (memory) return memory;
    let text;
    try {
      text = localStorage.getItem(KEY);
    } catch {
      return inMemory(nothing(), "This browser lets the page store nothing: your progress lasts until you leave it. Export it to keep it.");
    }
    if (text === null) return nothing();
    const found = parse(text);
    if (!found.fault) return found.value;
    return replaceUnreadable(text, found);
  }

  /* What cannot be read is put aside, never overwritten; a newer page's progress is left where it is. */
  function replaceUnreadable(text, found) {
    if (isMap(found.value) && found.value.version > VERSION) {
      return inMemory(nothing(), "Your stored progress was written by a newer version of this course and is left as it is; this page begins anew and stores nothing.");
    }
    try {
      localStorage.setItem(KEPT, text);
      localStorage.removeItem(KEY);
    } catch {
      return inMemory(nothing(), "Your stored progress cannot be read and is left as it is; what you do now lasts until you leave the page.");
    }
    trouble = `Your stored progress could not be read and was put aside (${KEPT}); this page begins anew.`;
    return nothing();
  }

  function inMemory(value, sentence) {
    memory = value;
    trouble = sentence;
    return memory;
  }

  /* Change the progress by `change(progress)` and store it. */
  function update(change) {
    const value = read();
    change(value);
    if (!memory) {
      try {
        localStorage.setItem(KEY, JSON.stringify(value));
      } catch {
        inMemory(value, "This browser has no room left for your progress: it lasts until you leave the page. Export it to keep it.");
      }
    }
    document.dispatchEvent(new CustomEvent("course-progress"));
    return value;
  }

  function answered(id, right) {
    update((value) => {
      const before = Object.hasOwn(value.answers, id) ? value.answers[id] : { seen: 0, right: 0 };
      value.answers[id] = { seen: before.seen + 1, right: before.right + Number(right), last: right, at: Date.now() };
    });
  }

  /* The later of two records of the same thing stays; an exam that runs here is not replaced. */
  function merge(into, from) {
    for (const kind of ["answers", "cards"]) {
      for (const [id, row] of Object.entries(from[kind])) {
        const mine = Object.hasOwn(into[kind], id) ? into[kind][id] : null;
        if (!mine || row.at > mine.at) into[kind][id] = row;
      }
    }
    const known = new Set(into.results.map((row) => `${row.exam} ${row.at}`));
    const results = [...into.results, ...from.results.filter((row) => !known.has(`${row.exam} ${row.at}`))];
    into.results = results.sort((a, b) => a.at - b.at).slice(-MOST_RESULTS);
    into.exam ??= from.exam;
    into.last ??= from.last ?? null;
  }

  /* Return { imported, sentence }. A file with a fault changes nothing. */
  function importText(text) {
    const found = text.length > MOST_BYTES ? { fault: "It is larger than any progress can be." } : parse(text);
    if (found.fault) return { imported: false, sentence: `This file was not imported and nothing was changed. ${found.fault}` };
    update((value) => merge(value, found.value));
    const { answers, cards } = found.value;
    const { counted } = course.elements;
    return {
      imported: true,
      sentence: `Imported: ${counted(Object.keys(answers).length, "answered question")} and ${counted(Object.keys(cards).length, "card")}.`,
    };
  }

  function forget() {
    update((value) => Object.assign(value, nothing()));
  }

  /* `sitting` is what was answered: it can be looked through again until the next exam is handed in. */
  const finished = (value, result, sitting) => {
    value.exam = null;
    value.last = sitting;
    value.results = [...value.results, result].slice(-MOST_RESULTS);
  };

  return {
    read, update, answered, finished, importText, forget, fault,
    exportText: () => JSON.stringify(read(), null, 1),
    get trouble() { return trouble; },
  };
})();

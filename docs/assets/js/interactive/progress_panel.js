/* Your progress: what is stored, take it out as a file, bring it in, forget it. */
course.progressPanel = (() => {
  const { make, button, counted } = course.elements;

  function panel() {
    const said = make("p", { class: "course-said-aloud", role: "status", "aria-live": "polite" });
    const numbers = make("p", { class: "course-quiet" });
    const file = make("input", { type: "file", accept: ".json,application/json", id: "course-import", class: "course-file", "aria-label": "Progress file to import" });
    file.addEventListener("change", () => take(file, said));
    const count = () => { numbers.textContent = summary(course.progress.read()); };
    document.addEventListener("course-progress", count);
    addEventListener("storage", count); // another page of the course changed it
    count();
    if (course.progress.trouble) said.textContent = course.progress.trouble;
    return make("details", { class: "course-panel", open: Boolean(course.progress.trouble) },
      make("summary", {}, "Your progress"),
      numbers,
      make("div", { class: "course-row" },
        button("Export as file", () => save(said)),
        make("label", { class: "course-button", for: "course-import" }, "Import a file"), file,
        forgetting(said)),
      said);
  }

  function summary(value) {
    const rows = Object.values(value.answers);
    const right = rows.filter((row) => row.last).length;
    return `${counted(rows.length, "question")} answered, ${right} of them right the last time; ` +
      `${counted(Object.keys(value.cards).length, "card")} in the boxes; ${counted(value.results.length, "mock exam")}. ` +
      "All of it stays in this browser.";
  }

  function save(said) {
    const link = make("a", {
      href: URL.createObjectURL(new Blob([course.progress.exportText()], { type: "application/json" })),
      download: "lambda-course-progress.json",
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    said.textContent = "Exported as lambda-course-progress.json.";
  }

  async function take(field, said) {
    const chosen = field.files[0];
    field.value = "";
    if (!chosen) return;
    try {
      said.textContent = course.progress.importText(await chosen.text()).sentence;
    } catch {
      said.textContent = "This file was not imported and nothing was changed. It cannot be read.";
    }
  }

  function forgetting(said) {
    const ask = button("Forget everything", () => {
      if (ask.dataset.sure) {
        course.progress.forget();
        said.textContent = "Forgotten.";
        delete ask.dataset.sure;
        ask.textContent = "Forget everything";
      } else {
        ask.dataset.sure = "1";
        ask.textContent = "Really forget everything?";
        said.textContent = "Press again to forget all answers, cards and results.";
      }
    }, "quiet");
    return ask;
  }

  return { panel };
})();

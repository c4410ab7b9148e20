/* The question bank: its index at once (how many of which), its text when it is first needed. */
course.bank = (() => {
  const { load } = course.elements;
  let byId = new Map();

  /* Index rows as objects: { id, exams: [[exam, task]], topic, difficulty }. */
  function index() {
    return course.data.questionIndex.rows.map(([id, exams, topic, difficulty]) => ({ id, exams, topic, difficulty }));
  }

  const exams = () => course.data.questionIndex.exams;
  const topics = () => course.data.questionIndex.topics;

  async function open() {
    const { questions } = await load("questions");
    byId = new Map(questions.rows.map((row) => [row.id, row]));
    return byId;
  }

  const question = (id) => byId.get(id);
  const fact = (id) => course.data.questions.facts[id];
  const ofExam = (rows, exam) => (exam ? rows.filter((row) => row.exams.some(([code]) => code === exam)) : rows);

  function filtered({ exam = "", topic = "", difficulty = "" }) {
    return ofExam(index(), exam).filter(
      (row) => (!topic || row.topic === topic) && (!difficulty || String(row.difficulty) === difficulty));
  }

  /* A question counts for the first domain that it names of an exam. */
  function domainOf(row, exam) {
    const task = row.exams.find(([code]) => code === exam)?.[1];
    return task ? task.split(".")[0] : "";
  }

  const isRight = (question, chosen) =>
    question.options.every((option, place) => option.right === chosen.includes(place));

  return { index, exams, topics, open, question, fact, ofExam, filtered, domainOf, isRight };
})();

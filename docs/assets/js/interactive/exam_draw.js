/* Which questions a mock exam asks, and how it is marked. Pure: no page, no storage, no clock. */
course.examDraw = (() => {
  const { shuffled } = course.elements;

  /* Share `total` out by weight, no domain more than it has; what one cannot take goes to the others by weight. */
  function shares(domains, available, total) {
    const taken = Object.fromEntries(domains.map(({ key }) => [key, 0]));
    let left = Math.min(total, domains.reduce((sum, { key }) => sum + available[key], 0));
    while (left > 0) {
      const open = domains.filter(({ key }) => taken[key] < available[key]);
      const weight = open.reduce((sum, domain) => sum + domain.weight, 0);
      const wanted = open.map((domain) => ({ key: domain.key, part: (left * domain.weight) / weight }));
      let given = 0;
      for (const { key, part } of wanted) {
        const take = Math.min(Math.floor(part), available[key] - taken[key]);
        taken[key] += take;
        given += take;
      }
      left -= given;
      if (given === 0) { // less than one each is left: the largest remainders get one
        wanted.sort((a, b) => b.part - a.part);
        for (const { key } of wanted.slice(0, left)) { taken[key] += 1; left -= 1; }
      }
    }
    return taken;
  }

  /* Return the ids of a new exam, mixed. */
  function draw(exam, rows, random = Math.random) {
    const pools = Object.fromEntries(exam.domains.map(({ key }) => [key, []]));
    for (const row of course.bank.ofExam(rows, exam.code)) pools[course.bank.domainOf(row, exam.code)]?.push(row.id);
    const available = Object.fromEntries(Object.entries(pools).map(([key, ids]) => [key, ids.length]));
    const taken = shares(exam.domains, available, exam.questions);
    return shuffled(exam.domains.flatMap(({ key }) => shuffled(pools[key], random).slice(0, taken[key])), random);
  }

  /* A short exam has as much time for each question as the long one. */
  const minutes = (exam, count) => Math.ceil((exam.minutes * count) / exam.questions);

  /* Return { right, total, domains: { key: [right, total] } }. An unanswered question is a wrong one. */
  function mark(exam, sitting) {
    const domains = {};
    let right = 0;
    for (const id of sitting.questions) {
      const question = course.bank.question(id);
      if (!question) continue; // it has left the bank since: it counts for nothing
      const row = (domains[course.bank.domainOf(question, exam.code)] ??= [0, 0]);
      const good = course.bank.isRight(question, sitting.answers[id] ?? []);
      row[1] += 1;
      if (good) { row[0] += 1; right += 1; }
    }
    return { right, total: Object.values(domains).reduce((sum, [, count]) => sum + count, 0), domains };
  }

  return { shares, draw, minutes, mark };
})();

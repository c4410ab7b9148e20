/* Leitner's five boxes: a card that is known goes one box on and comes back later, one that is not goes back to the first. */
course.leitner = (() => {
  const DAYS = [1, 2, 4, 8, 16]; // until a card of this box is due again
  const NEW_AT_ONCE = 20;

  /* The learner's own calendar day, plus some days: "2026-11-21". */
  function day(now = new Date(), plus = 0) {
    const at = new Date(now.getFullYear(), now.getMonth(), now.getDate() + plus, 12);
    const two = (value) => String(value).padStart(2, "0");
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  }

  /* Return where a card goes after an answer; `card` is null for a new one. */
  function after(card, known, now = new Date()) {
    const box = known ? Math.min((card?.box ?? 0) + 1, DAYS.length) : 1;
    return { box, due: day(now, known ? DAYS[box - 1] : 0), at: now.getTime() };
  }

  /* Return the ids to ask now: what is due, the longest due first, then some new ones. */
  function due(ids, cards, now = new Date()) {
    const today = day(now);
    const own = (id) => (Object.hasOwn(cards, id) ? cards[id] : null);
    const waiting = ids.filter((id) => own(id) && own(id).due <= today).sort((a, b) => (own(a).due < own(b).due ? -1 : 1));
    return [...waiting, ...ids.filter((id) => !own(id)).slice(0, NEW_AT_ONCE)];
  }

  function boxes(ids, cards) {
    const counts = DAYS.map(() => 0);
    for (const id of ids) if (Object.hasOwn(cards, id)) counts[cards[id].box - 1] += 1;
    return counts;
  }

  return { DAYS, NEW_AT_ONCE, day, after, due, boxes };
})();

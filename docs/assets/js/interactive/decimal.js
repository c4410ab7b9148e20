/* Exact decimal numbers on BigInt: prices times quantities without a float's noise, so that every cent is right.
   All that a bill divides by (1,024, 1,000, 100) ends after some digits, so nothing is ever rounded on the way. */
course.decimal = (() => {
  const power = (digits) => 10n ** BigInt(digits);

  /* A value is { units, digits }: units / 10^digits. Takes a decimal's text ("0.0000166667"), an integer, or a value. */
  function of(value) {
    if (typeof value === "object" && value !== null) return value;
    const text = String(value).trim();
    const parts = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text) ?? /^(-?)()\.(\d+)$/.exec(text);
    if (!parts) throw new RangeError(`${text || "Nothing"} is no decimal number.`);
    const fraction = parts[3] ?? "";
    const units = BigInt((parts[2] || "") + fraction || "0");
    return { units: parts[1] ? -units : units, digits: fraction.length };
  }

  function aligned(a, b) {
    const x = of(a), y = of(b), digits = Math.max(x.digits, y.digits);
    return [x.units * power(digits - x.digits), y.units * power(digits - y.digits), digits];
  }

  const add = (a, b) => { const [x, y, digits] = aligned(a, b); return { units: x + y, digits }; };
  const subtract = (a, b) => { const [x, y, digits] = aligned(a, b); return { units: x - y, digits }; };
  const compare = (a, b) => { const [x, y] = aligned(a, b); return x < y ? -1 : x > y ? 1 : 0; };
  const least = (a, b) => (compare(a, b) <= 0 ? of(a) : of(b));
  const most = (a, b) => (compare(a, b) >= 0 ? of(a) : of(b));
  const times = (...values) => values.map(of).reduce((a, b) => ({ units: a.units * b.units, digits: a.digits + b.digits }));
  const sum = (values) => values.reduce(add, of(0));
  const isZero = (a) => of(a).units === 0n;

  /* Divide by a whole number of twos and tens only (1,000; 1,024): the answer ends, and is exact. */
  function over(a, divisor) {
    let value = of(a), rest = divisor;
    while (rest % 10 === 0) { value = { units: value.units, digits: value.digits + 1 }; rest /= 10; }
    while (rest % 2 === 0) { value = { units: value.units * 5n, digits: value.digits + 1 }; rest /= 2; }
    if (rest !== 1) throw new RangeError(`${divisor} is not made of twos and tens.`);
    return value;
  }

  /* The least whole number that is not below the value, as BigInt. */
  function ceiling(a) {
    const { units, digits } = of(a), one = power(digits);
    return units > 0n ? (units + one - 1n) / one : units / one;
  }

  /* The nearest whole number of 10^-places, halves upwards; as a value. */
  function rounded(a, places) {
    const { units, digits } = of(a);
    if (digits <= places) return { units: units * power(places - digits), digits: places };
    const one = power(digits - places);
    const floor = units >= 0n ? (units * 2n + one) / (one * 2n) : -((-units * 2n + one) / (one * 2n));
    return { units: floor, digits: places };
  }

  /* Text with a point and `places` digits behind it, thousands with commas. */
  function text(a, places) {
    const value = rounded(a, places);
    const digits = String(value.units < 0n ? -value.units : value.units).padStart(places + 1, "0");
    const whole = digits.slice(0, digits.length - places).replace(/\B(?=(\d{3})+$)/g, ",");
    return `${value.units < 0n ? "-" : ""}${whole}${places ? `.${digits.slice(-places)}` : ""}`;
  }

  /* Every digit and no more, without commas. */
  function plain(a) {
    const { digits } = of(a);
    const all = text(a, digits).replaceAll(",", "");
    return all.includes(".") ? all.replace(/\.?0+$/, "") : all;
  }

  const number = (a) => Number(plain(a));

  return { of, add, subtract, compare, least, most, times, sum, isZero, over, ceiling, rounded, text, plain, number };
})();

// Which stretch of time a history shows, as the address says: a range up to now, or from one moment to another.

const DAY_S = 86400;

// The moment at which a day (`2026-11-27`) begins in a time zone, in seconds.
export function midnight(day, zone) {
  const [year, month, date] = day.split("-").map(Number);
  const wanted = Date.UTC(year, month - 1, date);
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", dateStyle: "short", timeStyle: "medium" });
  let guess = wanted;
  // Twice: the offset may change between the guess and the moment.
  for (let round = 0; round < 2; round += 1) {
    const [d, m, y, h, min, s] = format.format(guess).split(/\D+/).map(Number);
    guess += wanted - Date.UTC(y, m - 1, d, h, min, s);
  }
  return guess / 1000;
}

export const dayFrom = (day, zone) => [midnight(day, zone), midnight(day, zone) + DAY_S];

export function asked() {
  const given = new URLSearchParams(location.search);
  const [from, to] = ["from", "to"].map((name) => Number(given.get(name)));
  return from > 0 && to > from ? [from, to] : null;
}

// `stretch` null: up to now.
export function remember(stretch) {
  const given = new URLSearchParams(location.search);
  for (const [at, name] of ["from", "to"].entries()) {
    if (stretch) given.set(name, String(at ? Math.ceil(stretch[at]) : Math.floor(stretch[at])));
    else given.delete(name);
  }
  const query = String(given);
  history.replaceState(null, "", `${location.pathname}${query ? `?${query}` : ""}`);
}

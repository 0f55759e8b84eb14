// Figures and moments in words, the same as web/units.py writes them.

const HASHRATE = ["H/s", "kH/s", "MH/s", "GH/s", "TH/s", "PH/s", "EH/s", "ZH/s"];
// English as most of the world writes it: 23 Nov, and a day of 24 hours.
const LANGUAGE = { en: "en-GB" }[document.documentElement.lang] ?? document.documentElement.lang;
const whole = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 1 });
const cents = new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: 2, maximumFractionDigits: 2, useGrouping: false });

function scaled(value) {
  let unit = 0;
  let size = Math.abs(value);
  while (size >= 999.995 && unit < HASHRATE.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return unit;
}

export function hashrate(value) {
  const unit = scaled(value);
  const text = cents.format(value / 1000 ** unit);
  return `${unit === 0 ? text.replace(/[.,]00$/, "") : text} ${HASHRATE[unit]}`;
}

// Ticks of an axis: all in the unit of the largest.
export function hashrateTicks(values) {
  const unit = scaled(Math.max(...values.map(Math.abs)));
  return values.map((value) => `${tenth.format(value / 1000 ** unit)} ${HASHRATE[unit]}`);
}

export const count = (value) => whole.format(value);
export const mean = (value) => tenth.format(value);
export const percent = (share) => `${tenth.format(share)} %`;
export const temperature = (value) => `${whole.format(value)} °C`;
export const power = (value) => `${whole.format(value)} W`;
export const ticks = (unit) => (values) => values.map((value) => tenth.format(value) + unit);

// How long something lasted, in its two largest units.
export function lasted(seconds) {
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const at = Math.max(0, units.findIndex(([size]) => seconds >= size));
  const [size, unit] = units[seconds < 1 ? 3 : at];
  const text = `${Math.floor(seconds / size)} ${unit}`;
  const [next, nextUnit] = units[at + 1] || [];
  const rest = next ? Math.floor((seconds % size) / next) : 0;
  return rest ? `${text} ${rest} ${nextUnit}` : text;
}

// The names that an axis of dates needs, by uPlot's keys.
export const dateNames = (() => {
  const names = (options, dates) => dates.map((date) => new Intl.DateTimeFormat(LANGUAGE, { ...options, timeZone: "UTC" }).format(date));
  const months = Array.from({ length: 12 }, (_, month) => Date.UTC(2024, month, 1));
  const days = Array.from({ length: 7 }, (_, day) => Date.UTC(2024, 8, 1 + day));
  return {
    MMMM: names({ month: "long" }, months),
    MMM: names({ month: "short" }, months),
    WWWW: names({ weekday: "long" }, days),
    WWW: names({ weekday: "short" }, days),
  };
})();

// Moments in the time zone of the settings: `14:03:12`, with the day where it is not within a day of `near`.
export function momentIn(zone) {
  const clock = new Intl.DateTimeFormat(LANGUAGE, { timeZone: zone, timeStyle: "medium" });
  const full = new Intl.DateTimeFormat(LANGUAGE, {
    timeZone: zone, day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
  });
  return (seconds, withDay) => (withDay ? full : clock).format(seconds * 1000);
}

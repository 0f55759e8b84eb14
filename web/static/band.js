// The status history as a band above the charts, as wide as they are, and the same in words.

import { lasted, momentIn, percent } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const ORDER = ["online", "degraded", "silent", "lost", "offline"];

function rect(status, x, width) {
  const element = document.createElementNS(SVG, "rect");
  element.setAttribute("class", status);
  element.setAttribute("x", `${(x * 100).toFixed(3)}%`);
  element.setAttribute("width", `${(width * 100).toFixed(3)}%`);
  // What is worse reaches higher: the shape tells it as well as the colour.
  const height = { online: 50, degraded: 70, silent: 85, lost: 100, offline: 25 }[status];
  element.setAttribute("y", `${100 - height}%`);
  element.setAttribute("height", `${height}%`);
  return element;
}

// `spans`: [status, since, until, why] in seconds; what lies outside from `min` to `max` is left out.
export function drawBand(svg, spans, [min, max], zone) {
  const moment = momentIn(zone);
  const withDay = max - min > 90000;
  svg.replaceChildren(
    ...spans
      .filter(([, since, until]) => until > min && since < max)
      .map(([status, since, until, why]) => {
        const from = Math.max(since, min);
        const drawn = rect(status, (from - min) / (max - min), Math.max((Math.min(until, max) - from) / (max - min), 0.002));
        const title = document.createElementNS(SVG, "title");
        const name = gettext(status) + (why ? ` (${why})` : "");
        title.textContent = gettext("%(status)s from %(moment)s for %(time)s", {
          status: name, moment: moment(since, withDay), time: lasted(until - since),
        });
        drawn.append(title);
        return drawn;
      }),
  );
}

// How much of the time the node had each status.
export function shares(spans) {
  const sums = new Map();
  for (const [status, since, until] of spans) sums.set(status, (sums.get(status) || 0) + until - since);
  const all = [...sums.values()].reduce((a, b) => a + b, 0);
  return ORDER.filter((status) => sums.has(status)).map((status) => {
    const share = (sums.get(status) / all) * 100;
    const text = share > 0 && share < 0.1 ? `<${percent(0.1)}` : percent(share > 99.9 && share < 100 ? 99.9 : share);
    return { status, text, lasted: lasted(sums.get(status)) };
  });
}

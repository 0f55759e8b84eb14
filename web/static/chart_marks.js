// What happened, marked on a chart: a dashed line with a mark on top, what it was beside the cursor and in a list.

const NEAR_PX = 6;
const SHAPES = { incident: "◆", restart: "↻", miner: "⛏", pool: "⇄", algorithm: "ƒ" };
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function wordsOf({ kind, text, where }) {
  const said = {
    incident: () => gettext("incident: %(rule)s", { rule: text }),
    restart: () => gettext("restarted"),
    miner: () => gettext("mines with %(name)s", { name: text }),
    pool: () => gettext("mines for %(name)s", { name: text }),
    algorithm: () => gettext("mines %(name)s", { name: text }),
  }[kind]();
  return where ? `${where}: ${said}` : said;
}

export function drawMarks(u, events) {
  const { ctx, bbox } = u;
  const ratio = window.devicePixelRatio || 1;
  ctx.save();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  for (const event of events) {
    const x = Math.round(u.valToPos(event.at, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    const colour = token(event.kind === "incident" ? "--red" : "--muted");
    ctx.strokeStyle = colour;
    ctx.fillStyle = colour;
    ctx.lineWidth = ratio;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top + 12 * ratio);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(SHAPES[event.kind], x, bbox.top);
  }
  ctx.restore();
}

// What happened where the cursor is.
export function near(u, events, left) {
  return events.filter((event) => Math.abs(u.valToPos(event.at, "x") - left) <= NEAR_PX);
}

// `incidents` is the address of their page.
export function list(place, events, moment, incidents) {
  place.hidden = !events.length;
  place.querySelector("summary").textContent = gettext("What happened: %(number)s", { number: events.length });
  place.querySelector("ul").replaceChildren(...[...events].reverse().map((event) => {
    const item = document.createElement("li");
    const what = document.createElement(event.number ? "a" : "span");
    what.textContent = wordsOf(event);
    if (event.number) what.href = `${incidents}/${event.number}`;
    item.append(`${moment(event.at, true)} `, what);
    return item;
  }));
}

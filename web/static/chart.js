// One chart of uPlot: its looks from the style sheet, its words, what the cursor reads, zoom by mouse and by keyboard.
// Which figures there are, and where they come from, is history.js's affair.

import { saveCsv, savePng } from "./chart_export.js";
import { drawMarks, near, wordsOf } from "./chart_marks.js";
import * as words from "./words.js";

const AXIS_PX = 80;
const RIGHT_AXIS_PX = 46;
const EDGE_PX = 26;
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000, 1000000];
// A day and its month, in the order of the language.
const DAY = gettext("{MMM} {D}");
const TICK_FORMATS = [
  [86400, DAY, "\n{YYYY}", null, null, null, null, null, 1],
  [3600, "{HH}:{mm}", `\n${DAY}`, null, `\n${DAY}`, null, null, null, 1],
  [60, "{HH}:{mm}", `\n${DAY}`, null, `\n${DAY}`, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", `\n${DAY}`, null, `\n${DAY}`, null, null, null, 1],
];

// What a figure is called, how one is written, how an axis is: does it begin at 0, has it whole numbers alone, and how
// far does it go at `least`, so that a block behind is no mountain.
export const FIGURES = {
  hashrate: { title: gettext("Hashrate"), text: words.hashrate, ticks: words.hashrateTicks, fromZero: true },
  peers: { title: gettext("Peers"), text: words.mean, ticks: words.ticks(""), fromZero: true },
  block: { title: gettext("Block"), text: words.count, ticks: (values) => values.map(words.count), fromZero: false },
  lag: { title: gettext("Blocks behind"), text: words.count, ticks: words.ticks(""), fromZero: true, whole: true, least: 6 },
  temperature: { title: gettext("Temperature"), text: words.temperature, ticks: words.ticks(" °C"), fromZero: false },
  power: { title: gettext("Power"), text: words.power, ticks: words.ticks(" W"), fromZero: true },
  nodes: { title: gettext("Nodes"), text: words.mean, ticks: words.ticks(""), fromZero: true, whole: true },
};

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const yRange = ({ fromZero, least = 0 }) => (_, low, high) => {
  if (low === null) return [0, Math.max(1, least)];
  if (fromZero) return [0, Math.max(least, high > 0 ? high * 1.08 : 1)];
  const room = Math.max((high - low) * 0.1, 1);
  return [low - room, high + room];
};

// A sample that stands alone, between two gaps, would be no line: it is a dot.
function lonely(u, series, show) {
  const values = u.data[series];
  // Where lines have moments of their own, what others have in between is undefined in this one.
  const beside = (at, by) => {
    let next = at + by;
    while (next >= 0 && next < values.length && values[next] === undefined) next += by;
    return values[next];
  };
  const alone = (at) => values[at] != null && beside(at, -1) == null && beside(at, 1) == null;
  return show ? null : values.map((_, at) => at).filter(alone);
}

export class Chart {
  // `lines`: [{ figure, label }]; `onZoom(min, max)` is told what the reader chose, (null, null) for everything; `onPick`
  // which line. `picks` are the labels that are picked in all charts of the section; without any, all are drawn.
  constructor(place, { title, lines, zone, group, picks, onZoom, onPick }) {
    this.title = title;
    this.events = [];
    this.lines = lines;
    this.zone = zone;
    this.group = group;
    this.onZoom = onZoom;
    this.picks = picks;
    this.onPick = onPick;
    this.moment = words.momentIn(zone);
    this.zoomed = false;
    this.figure = document.createElement("figure");
    this.figure.className = "plot";
    this.figure.dataset.plot = title;
    this.figure.innerHTML = '<figcaption><span class="title"></span> <span class="reading"></span> <span class="files"></span></figcaption>'
      + '<div class="canvas" tabindex="0" role="img"></div>';
    this.figure.querySelector(".title").textContent = title;
    this.reading = this.figure.querySelector(".reading");
    this.keys = lines.length > 1 ? lines.map(({ label }, at) => this.keyOf(label, at)) : [];
    this.value = document.createElement("span");
    this.when = document.createElement("span");
    this.reading.append(...(this.keys.length ? this.keys : [this.value]), this.when);
    this.canvas = this.figure.querySelector(".canvas");
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("blur", () => this.reading.removeAttribute("aria-live"));
    for (const [name, act] of [["CSV", saveCsv], ["PNG", savePng]]) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
      button.setAttribute("aria-label", gettext("%(title)s as %(kind)s", { title, kind: name }));
      button.addEventListener("click", () => act(this));
      this.figure.querySelector(".files").append(button);
    }
    place.append(this.figure);
  }

  show(data, whole, events = []) {
    this.whole = whole;
    this.events = events;
    if (!this.plot) this.plot = new window.uPlot(this.options(), data, this.canvas);
    else this.plot.setData(data, !this.zoomed);
    if (this.zoomed) this.plot.redraw();
    this.describe();
  }

  // After the colours have changed.
  redress() {
    const data = this.plot.data;
    this.plot.destroy();
    this.plot = new window.uPlot(this.options(), data, this.canvas);
  }

  remove() {
    this.plot?.destroy();
    this.figure.remove();
  }

  // After another choice of lines, in this chart or in one beside it.
  pick() {
    this.lines.forEach(({ label }, at) => {
      const show = this.isDrawn(label);
      this.keys[at]?.setAttribute("aria-pressed", this.picks.has(label));
      this.keys[at]?.classList.toggle("left-out", !show);
      if (this.plot.series[at + 1].show !== show) this.plot.setSeries(at + 1, { show });
    });
    this.read();
  }

  isDrawn(label) {
    return this.picks.has(label) || !this.lines.some((line) => this.picks.has(line.label));
  }

  resize() {
    const width = this.canvas.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: this.plot.height });
  }

  // `min` null: everything.
  zoom(min, max) {
    const [from, to] = min === null ? this.whole : [min, max];
    this.zoomed = min !== null;
    const { x } = this.plot.scales;
    if (x.min !== from || x.max !== to) this.plot.setScale("x", { min: from, max: to });
  }

  options() {
    const figures = [...new Set(this.lines.map((line) => line.figure))];
    return {
      width: this.canvas.clientWidth || 600,
      height: 190,
      padding: [8, EDGE_PX, 0, 0],
      tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), this.zone),
      fmtDate: (form) => window.uPlot.fmtDate(form, words.dateNames),
      legend: { show: false },
      focus: { alpha: 0.2 },
      cursor: {
        y: false,
        points: { size: 7 },
        drag: { x: true, y: false, setScale: true },
        sync: { key: this.group, filters: { pub: (type) => !/^mouse(down|up)|dblclick/.test(type) } },
        bind: { dblclick: () => () => this.onZoom(null, null) },
      },
      scales: {
        x: { time: true },
        ...Object.fromEntries(figures.map((name) => [name, { range: yRange(FIGURES[name]) }])),
      },
      axes: [this.xAxis(), ...figures.map((name, at) => this.yAxis(name, at))],
      series: [{}, ...this.lines.map((line, at) => this.line(line, at))],
      hooks: {
        setCursor: [() => this.read()],
        setSelect: [(u) => this.selected(u)],
        draw: [(u) => drawMarks(u, this.events)],
      },
    };
  }

  line({ figure, label }, at) {
    const colour = token(`--plot-${(at % 8) + 1}`);
    const alone = this.lines.filter((each) => each.figure === figure).length === 1 && figure !== "nodes";
    return {
      label,
      show: this.isDrawn(label),
      scale: figure,
      stroke: colour,
      width: 1.6,
      dash: at >= 8 ? [6, 3] : undefined,
      fill: alone ? `${colour}26` : undefined,
      paths: figure === "nodes" ? window.uPlot.paths.stepped({ align: 1 }) : undefined,
      points: { show: false, filter: lonely, size: 5, fill: colour },
    };
  }

  xAxis() {
    return { ...this.axis(), values: TICK_FORMATS, space: 74, size: 44 };
  }

  // The first stands on the left, another on the right, without lines of its own.
  yAxis(name, at) {
    const { ticks, whole } = FIGURES[name];
    const place = at === 0 ? { side: 3, size: AXIS_PX } : { side: 1, size: RIGHT_AXIS_PX, grid: { show: false } };
    const values = (_, splits) => ticks(splits);
    return { ...this.axis(), ...place, scale: name, space: 34, values, incrs: whole ? WHOLE : undefined };
  }

  axis() {
    const line = { stroke: token("--line"), width: 1 };
    return { stroke: token("--muted"), font: "12px system-ui, sans-serif", grid: line, ticks: { ...line, size: 5 } };
  }

  selected(u) {
    if (u.select.width < 4) return;
    this.onZoom(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
  }

  // What the cursor points at; without one, the latest.
  read() {
    const { idx } = this.plot.cursor;
    const at = idx ?? this.latest();
    if (at === null) return;
    const [times, ...values] = this.plot.data;
    this.lines.forEach(({ figure }, line) => {
      const value = values[line][at];
      const place = this.keys.length ? this.keys[line].lastElementChild : this.value;
      place.textContent = value == null ? "–" : FIGURES[figure].text(value);
    });
    const withDay = this.whole[1] - this.whole[0] > 90000;
    const when = idx == null ? gettext("latest") : this.moment(times[at], withDay);
    const happened = idx == null ? [] : near(this.plot, this.events, this.plot.cursor.left).map(wordsOf);
    this.when.textContent = [when, ...happened].join(" · ");
  }

  // A line's name and figure with a sample of its colour: a click draws what is picked alone, a look brings it forward.
  keyOf(label, line) {
    const key = document.createElement("button");
    key.type = "button";
    key.className = "key";
    key.setAttribute("aria-pressed", this.picks.has(label));
    const swatch = document.createElement("i");
    swatch.className = `plot-${(line % 8) + 1}`;
    swatch.classList.toggle("dashed", line >= 8);
    key.append(swatch, `${label} `, document.createElement("b"));
    key.addEventListener("click", () => this.onPick(label));
    for (const name of ["mouseenter", "focus"]) key.addEventListener(name, () => this.plot?.setSeries(line + 1, { focus: true }));
    for (const name of ["mouseleave", "blur"]) key.addEventListener(name, () => this.plot?.setSeries(null, { focus: false }));
    return key;
  }

  latest() {
    const [times, ...values] = this.plot.data;
    for (let at = times.length - 1; at >= 0; at -= 1) if (values.some((line) => line[at] != null)) return at;
    return null;
  }

  // For who does not see it.
  describe() {
    const parts = this.lines.map(({ figure, label }, at) => {
      const known = this.plot.data[at + 1].filter((value) => value != null);
      if (!known.length) return gettext("%(label)s: nothing", { label });
      const { text } = FIGURES[figure];
      const lowest = known.reduce((a, b) => Math.min(a, b));
      const highest = known.reduce((a, b) => Math.max(a, b));
      return gettext("%(label)s: lowest %(lowest)s, highest %(highest)s, latest %(latest)s", {
        label, lowest: text(lowest), highest: text(highest), latest: text(known.at(-1)),
      });
    });
    const keys = gettext("Arrow keys read it, plus and minus zoom, Escape shows all.");
    this.canvas.setAttribute("aria-label", `${parts.join("; ")}. ${keys}`);
    this.read();
  }

  key(event) {
    const { plot } = this;
    const { min, max } = plot.scales.x;
    const at = plot.cursor.idx ?? this.latest();
    const middle = plot.data[0][at];
    const zoomTo = (part) => {
      const half = (max - min) * part;
      this.onZoom(Math.max(this.whole[0], middle - half), Math.min(this.whole[1], middle + half));
    };
    const acts = {
      ArrowLeft: () => this.move(at, -1),
      ArrowRight: () => this.move(at, 1),
      "+": () => zoomTo(0.25),
      "-": () => zoomTo(1),
      Escape: () => this.onZoom(null, null),
    };
    if (!acts[event.key] || at === null) return;
    event.preventDefault();
    this.reading.setAttribute("aria-live", "polite");
    acts[event.key]();
  }

  move(from, by) {
    const [times, ...values] = this.plot.data;
    let at = from + by;
    while (at > 0 && at < times.length - 1 && values.every((line) => line[at] == null)) at += by;
    if (values.every((line) => line[at] == null)) return;
    this.plot.setCursor({ left: this.plot.valToPos(times[at], "x"), top: 10 });
  }
}

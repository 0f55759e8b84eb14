// Fetches the history that a section marked `data-series` asks for, draws it, and keeps it up to date as the page changes.

import { drawBand, shares } from "./band.js";
import { Chart, FIGURES } from "./chart.js";
import { list } from "./chart_marks.js";
import { asked, dayFrom, remember } from "./history_window.js";
import { count, momentIn } from "./words.js";

// A short range shows each sample, in a long one a sample is a hair's breadth.
const NOT_BEFORE_MS = { "1h": 1500, "24h": 10000, "7d": 60000, all: 60000 };
const OF_CARDS = ["hashrate", "temperature", "power"];

// Which charts there are: [{ title, at, lines: [{ figure, label, values }] }].
function chartsOf({ at, lines, gpus, mixed, compared, figure: of }) {
  if (compared) {
    const known = compared.filter((node) => node.values.length);
    if (!known.length) return [];
    const [times, ...values] = window.uPlot.join(known.map((node) => [node.at, node.values]));
    return [{ title: FIGURES[of].title, at: times, lines: known.map((node, place) => ({ figure: of, label: node.title, values: values[place] })) }];
  }
  if (lines.nodes) {
    const both = ["hashrate", "nodes"].map((figure) => ({ figure, label: FIGURES[figure].title, values: lines[figure] }));
    return [{ title: mixed ? gettext("Hashrate, all algorithms added up, and nodes") : gettext("Hashrate and nodes"), at, lines: both }];
  }
  const charts = [];
  const cards = gpus?.cards ?? [];
  for (const figure of ["hashrate", "temperature", "power", "peers", "block", "lag"]) {
    const { title } = FIGURES[figure];
    if (lines[figure]) charts.push({ title, at, lines: [{ figure, label: title, values: lines[figure] }] });
    const known = OF_CARDS.includes(figure) ? cards.filter((card) => card.lines[figure].some((value) => value !== null)) : [];
    if (known.length > 1 || (known.length && !lines[figure])) {
      charts.push({ title: gettext("%(figure)s of each GPU", { figure: title }), at: gpus.at, lines: known.map((card) => ({ figure, label: nameOf(card, cards), values: card.lines[figure] })) });
    }
  }
  return charts;
}

// Cards of one kind are told apart by their number alone.
function nameOf(card, cards) {
  const number = `GPU ${cards.indexOf(card)}`;
  return card.name && cards.some((each) => each.name !== card.name) ? `${number} ${card.name}` : number;
}

class History {
  constructor(section) {
    this.section = section;
    this.zone = section.dataset.zone;
    this.range = section.dataset.range;
    this.charts = new Map();
    this.etag = "";
    this.loadedAt = 0;
    this.zoomed = [null, null];
    this.detail = null;
    this.picks = new Set();
    this.part = (name) => section.querySelector(`.${name}`);
    this.part("ranges").addEventListener("click", (event) => this.choose(event));
    this.part("all").addEventListener("click", () => this.follow());
    this.stretch = asked();
    this.part("when").hidden = false;
    this.part("when").addEventListener("click", (event) => this.move(Number(event.target.dataset.move)));
    this.part("when").querySelector("input").addEventListener("change", ({ target }) => {
      if (target.value) this.look(dayFrom(target.value, this.zone));
    });
    document.addEventListener("rigwatch:changed", () => this.later());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.each((chart) => chart.redress()));
    new ResizeObserver(() => this.each((chart) => chart.resize())).observe(section);
    this.load();
  }

  each(act) {
    for (const chart of this.charts.values()) act(chart);
  }

  later() {
    if (this.waiting) return;
    const wait = Math.max(0, this.loadedAt + NOT_BEFORE_MS[this.range] - Date.now());
    this.waiting = setTimeout(() => {
      this.waiting = 0;
      this.load();
    }, wait);
  }

  async load() {
    const wanted = this.query();
    const headers = this.etag ? { "If-None-Match": this.etag } : {};
    this.loadedAt = Date.now();
    try {
      const answer = await fetch(this.address(wanted), { headers, cache: "no-store" });
      if (answer.status === 304 || wanted !== this.query()) return;
      if (!answer.ok) throw new Error(gettext("it answers %(status)s", { status: answer.status }));
      this.show(await answer.json());
      this.etag = answer.headers.get("ETag") || "";
    } catch (failure) {
      // live.js says what is wrong with the server; the charts stay as they are.
      if (!this.charts.size) this.say(gettext("The history could not be fetched (%(why)s).", { why: failure.message }));
    }
  }

  query() {
    return this.stretch ? `from=${Math.floor(this.stretch[0])}&to=${Math.ceil(this.stretch[1])}` : `range=${this.range}`;
  }

  address(query) {
    const { series } = this.section.dataset;
    return `${location.origin}${series}${series.includes("?") ? "&" : "?"}${query}`;
  }

  // From one moment to another, whatever the range is.
  look(stretch) {
    this.stretch = stretch;
    this.etag = "";
    this.detail = null;
    remember(stretch);
    this.zoom(null, null);
    this.load();
  }

  // All of the range again, up to now.
  follow() {
    if (this.stretch) this.look(null);
    else this.zoom(null, null);
  }

  // Earlier or later by as much as is seen.
  move(by) {
    if (!by || !this.whole) return;
    const [from, to] = this.zoomed[0] === null ? this.stretch ?? this.whole : this.zoomed;
    const span = to - from;
    if (from + by * span >= Date.now() / 1000) return;
    this.look([from + by * span, to + by * span]);
  }

  say(text) {
    this.part("none").textContent = text;
    this.part("none").hidden = !text;
  }

  // While the reader looks closer, `detail` has more points of what is seen than `history` has.
  show(history, detail = this.detail) {
    this.history = history;
    this.detail = detail;
    this.whole = history.at ? [history.at[0], history.at.at(-1)] : [history.since, history.until];
    this.events = history.events ?? [];
    const closer = new Map((detail ? chartsOf(detail) : []).map((chart) => [keyOf(chart), chart]));
    const charts = chartsOf(history).map((chart) => closer.get(keyOf(chart)) ?? chart);
    const wanted = new Set(charts.map((chart) => keyOf(chart)));
    for (const [key, chart] of this.charts) {
      if (!wanted.has(key)) {
        chart.remove();
        this.charts.delete(key);
      }
    }
    for (const each of charts) this.draw(each);
    this.say(charts.length ? "" : gettext("Nothing was reported in this time."));
    this.drawBand();
    list(this.part("events"), this.events, momentIn(this.zone), this.section.dataset.incidents);
    this.part("all").hidden = this.zoomed[0] === null && !this.stretch;
  }

  draw(each) {
    const key = keyOf(each);
    let chart = this.charts.get(key);
    if (!chart) {
      const onZoom = (min, max) => this.zoom(min, max);
      const { zone, picks } = this;
      const onPick = (label) => this.pick(label);
      chart = new Chart(this.part("plots"), { title: each.title, lines: each.lines, zone, group: this.section.id, picks, onZoom, onPick });
      this.charts.set(key, chart);
    }
    chart.show([each.at, ...each.lines.map((line) => line.values)], this.whole, this.events);
  }

  drawBand() {
    const { band } = this.history;
    const svg = this.part("band");
    if (!svg || !band) return;
    const [min, max] = this.zoomed[0] === null ? this.whole : this.zoomed;
    drawBand(svg, band, [min, max], this.zone);
    const known = shares(band);
    this.part("shares").replaceChildren(...known.map(({ status, text, lasted }) => {
      const item = document.createElement("li");
      item.innerHTML = '<span class="pill"></span> ';
      item.firstChild.classList.add(status);
      item.firstChild.textContent = gettext(status);
      item.append(text);
      item.title = lasted;
      return item;
    }));
    const said = known.map(({ status, text }) => `${gettext(status)} ${text}`).join(", ");
    svg.setAttribute("aria-label", gettext("Status: %(shares)s", { shares: said }));
    this.part("samples").textContent = samplesOf(this.history);
  }

  // A card is the same in each chart.
  pick(label) {
    if (!this.picks.delete(label)) this.picks.add(label);
    this.each((chart) => chart.pick());
  }

  zoom(min, max) {
    this.zoomed = [min, max];
    if (this.detail && (min === null || min < this.detail.at[0] || max > this.detail.at.at(-1))) {
      this.show(this.history, null);
    }
    this.each((chart) => chart.zoom(min, max));
    this.part("all").hidden = min === null && !this.stretch;
    remember(min === null ? this.stretch : [min, max]);
    if (this.history) this.drawBand();
    if (min !== null) this.lookCloser(min, max);
  }

  // A fleet's minutes are all there is; of a node there may be more samples than points.
  async lookCloser(min, max) {
    const [since, until] = [Math.floor(min), Math.ceil(max)];
    if (!this.history?.band || until - since < 60 || until - since > (this.whole[1] - this.whole[0]) / 2) return;
    try {
      const answer = await fetch(this.address(`from=${since}&to=${until}`));
      const detail = answer.ok ? await answer.json() : null;
      if (detail && this.zoomed[0] === min && this.zoomed[1] === max) this.show(this.history, detail);
    } catch {
      // What is there already stays; live.js says what is wrong with the server.
    }
  }

  choose(event) {
    const link = event.target.closest("a[data-range]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.range = link.dataset.range;
    this.stretch = null;
    this.etag = "";
    for (const each of this.part("ranges").querySelectorAll("a")) each.toggleAttribute("aria-current", each === link);
    link.setAttribute("aria-current", "true");
    history.replaceState(null, "", link.href);
    this.zoom(null, null);
    this.load();
  }
}

function samplesOf({ samples, late, missing }) {
  const parts = [gettext("%(number)s samples", { number: count(samples) })];
  if (late) parts.push(gettext("%(number)s taken while it was away and sent later", { number: count(late) }));
  if (missing) parts.push(gettext("%(number)s of those due are missing", { number: count(missing) }));
  return parts.join(", ");
}

const keyOf = ({ title, lines }) => [title, ...lines.map((line) => line.label)].join("|");

// The section of a fleet comes with its first node.
function begin() {
  for (const section of document.querySelectorAll("[data-series]")) section.history ??= new History(section);
}

document.addEventListener("rigwatch:changed", begin);
begin();

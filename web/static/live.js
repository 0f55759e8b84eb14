// Keeps the part of a page marked `data-live` up to date: asks for it all the time, changes only what differs, counts
// ages on in between, and says so when the server does not answer. Without it the page reloads itself (noscript).
"use strict";

(() => {
  const EVERY_MS = 800; // so that what happened is seen within a second, the way there included
  const EVERY_MS_WITHOUT_CONTACT = 2000;
  const ANSWER_WITHIN_MS = 10000;
  const OF_CHARTS = ["range", "from", "to"]; // in the address, and no affair of the list

  const live = document.querySelector("[data-live]");
  const alarm = document.getElementById("no-contact");
  const contact = document.getElementById("contact");
  const clock = document.getElementById("clock");
  const clockFormat = new Intl.DateTimeFormat("sv-SE", {
    timeZone: clock.dataset.zone, dateStyle: "short", timeStyle: "medium",
  });

  // The origin has no user name in it, which fetch() would refuse in an address.
  let address = location.origin + live.dataset.live;
  let etag = live.dataset.etag || "";
  let held = ""; // the etag of the order that the rows are kept in
  let ahead = 0; // the server's clock minus this browser's, ms
  let lastContact = Date.now();
  let timer = 0;
  let asking = null; // what aborts the question under way

  class Refusal extends Error {}

  const serverNow = () => Date.now() + ahead;

  // The words of web/units.py.
  function age(ms) {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
      if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
    }
    return `${seconds} s`;
  }

  function write(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function countOn() {
    const now = serverNow();
    for (const time of live.querySelectorAll("time[data-age]")) write(time, age(now - Date.parse(time.dateTime)));
    write(clock, clockFormat.format(now));
  }

  // Makes `old` look like `fresh`, touching only what differs, so that scrolling, focus and selection stay. Children
  // with a data-key are recognised wherever they moved; a data-keep element belongs to the reader, what is in a
  // data-place comes in pieces of its own.
  function morph(old, fresh) {
    if (old.isEqualNode(fresh) || (old.dataset && "keep" in old.dataset && "keep" in fresh.dataset)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) {
      old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) {
      // What is unfolded is the reader's affair.
      if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    if (!("place" in fresh.dataset)) morphChildren(old, fresh);
  }

  const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE && node.dataset.key) || null;
  const alike = (a, b) => a.nodeName === b.nodeName && keyOf(a) === keyOf(b) && a.id === b.id;

  function keyed(parent) {
    const found = new Map();
    for (const child of parent.children) if (keyOf(child)) found.set(keyOf(child), child);
    return found;
  }

  function morphChildren(old, fresh) {
    const known = keyed(old);
    let at = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      const moved = keyOf(wanted) && known.get(keyOf(wanted));
      if (moved && moved !== at) {
        old.insertBefore(moved, at);
        morph(moved, wanted);
      } else if (at && alike(at, wanted)) {
        morph(at, wanted);
        at = at.nextSibling;
      } else {
        old.insertBefore(document.importNode(wanted, true), at);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  function elementOf(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  }

  // Puts the pieces of one place in. False: a piece is missing, so that everything has to be asked for.
  function fill(place, { pieces = {}, order = null }) {
    const known = keyed(place);
    for (const [key, html] of Object.entries(pieces)) {
      const fresh = elementOf(html);
      const old = known.get(key);
      if (old && old.nodeName === fresh.nodeName) morph(old, fresh);
      else {
        if (old) old.replaceWith(fresh);
        known.set(key, fresh);
      }
    }
    if (!order) return true;
    if (order.some((key) => !known.has(key))) return false;
    const wanted = order.map((key) => known.get(key));
    const staying = new Set(wanted);
    for (const child of [...place.children]) if (!staying.has(child)) child.remove();
    let at = place.firstElementChild;
    for (const element of wanted) {
      if (element === at) at = at.nextElementSibling;
      else place.insertBefore(element, at);
    }
    return true;
  }

  const inHand = {
    // A finger would hit what has just moved there: on a phone the order is the reader's until they ask for another.
    touch: matchMedia("(pointer: coarse)"),
    is: () => {
      const list = live.querySelector('[data-place="rows"]');
      if (!list) return false;
      if (inHand.touch.matches) return true;
      return list.matches(":hover") || list.contains(document.activeElement) || list.querySelector(":checked") !== null;
    },
  };

  const differs = (order) => {
    const shown = [...live.querySelectorAll('[data-place="rows"] > [data-key]')].map(keyOf);
    return shown.length > 0 && (shown.length !== order.length || shown.some((key, at) => key !== order[at]));
  };

  // Answers false where it was not shown, because the rows are in the reader's hand and would move.
  function showPieces(answer, { mayHold }) {
    const order = answer.places.rows?.order;
    if (mayHold && !held && order && inHand.is() && differs(order)) {
      held = etag;
      etag = "";
      return false;
    }
    if (!answer.held) held = "";
    for (const [name, pieces] of Object.entries(answer.places)) {
      const place = name ? live.querySelector(`[data-place="${name}"]`) : live;
      if (!place || !fill(place, pieces)) {
        etag = "";
        return false;
      }
    }
    document.title = answer.title;
    etag = answer.etag;
    ahead = answer.now - Date.now();
    return true;
  }

  function showHtml(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").body;
    const moment = fresh.querySelector("#moment");
    morphChildren(live, fresh);
    if (moment) {
      ahead = Number(moment.dataset.now) - Date.now();
      document.title = moment.dataset.title;
    }
  }

  function answered() {
    lastContact = Date.now();
    alarm.hidden = true;
    contact.hidden = false;
    live.classList.remove("out-of-date");
  }

  function unanswered(why) {
    const since = clockFormat.format(lastContact + ahead).slice(-8);
    write(alarm, gettext("No contact with the server since %(since)s. What is shown may be out of date.", { since: since + why }));
    alarm.hidden = false;
    contact.hidden = true;
    live.classList.add("out-of-date");
  }

  async function ask(signal, mayHold) {
    const headers = etag ? { "If-None-Match": `"${etag}"` } : {};
    const hold = held ? `${address.includes("?") ? "&" : "?"}hold=${encodeURIComponent(held)}` : "";
    const answer = await fetch(address + hold, { headers, cache: "no-store", signal });
    if (answer.status === 304) return true;
    if (answer.status === 401) location.reload(); // which leads to the login page, and back here
    if (answer.status !== 200) throw new Refusal(gettext("it answers %(status)s", { status: answer.status }));
    const isHtml = answer.headers.get("Content-Type").startsWith("text/html");
    const body = isHtml ? await answer.text() : await answer.json();
    const focused = document.activeElement;
    let shown = true;
    if (isHtml) {
      showHtml(body);
      etag = (answer.headers.get("ETag") || "").replace(/^(W\/)?"|"$/g, "");
    } else shown = showPieces(body, { mayHold });
    // Moving an element takes the focus from what is inside it.
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    countOn();
    if (shown) document.dispatchEvent(new Event("rigwatch:changed"));
    return shown;
  }

  async function poll({ mayHold = true } = {}) {
    if (asking || document.hidden) return;
    const mine = new AbortController();
    asking = mine;
    clearTimeout(timer);
    const tooLong = setTimeout(() => mine.abort(), ANSWER_WITHIN_MS);
    let wait = EVERY_MS;
    try {
      if (!(await ask(mine.signal, mayHold))) wait = 0;
      if (asking !== mine) return;
      answered();
    } catch (failure) {
      if (asking !== mine) return;
      unanswered(failure instanceof Refusal ? ` (${failure.message})` : "");
      wait = EVERY_MS_WITHOUT_CONTACT;
    } finally {
      clearTimeout(tooLong);
    }
    asking = null;
    timer = setTimeout(poll, wait);
  }

  // At once, whatever was asked for before: the reader has done something.
  function askAnew() {
    asking?.abort();
    asking = null;
    held = "";
    poll({ mayHold: false });
  }

  // What is in hand is let go of: the rows may take their places.
  function letGo() {
    if (held && !inHand.is()) askAnew();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-again]")) askAnew();
  });
  document.addEventListener("pointerout", () => setTimeout(letGo));
  document.addEventListener("focusout", () => setTimeout(letGo));

  // Another list without another page: `detail` is the query of its address.
  document.addEventListener("rigwatch:list", ({ detail }) => {
    const path = live.dataset.live.split("?")[0];
    address = `${location.origin}${path}${detail}`;
    const shown = new URLSearchParams(detail);
    for (const name of OF_CHARTS) {
      const given = new URLSearchParams(location.search).get(name);
      if (given) shown.set(name, given);
    }
    history.replaceState(null, "", `${location.pathname}${shown.size ? `?${shown}` : ""}`);
    etag = "";
    askAnew();
  });

  const first = document.getElementById("moment");
  const now = first ? first.dataset.now : live.dataset.now;
  if (now) ahead = Number(now) - Date.now();
  // Who comes back finds the list in order.
  document.addEventListener("visibilitychange", () => (held ? askAnew() : poll()));
  setInterval(countOn, 1000);
  timer = setTimeout(poll, EVERY_MS);
})();

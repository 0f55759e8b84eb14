// Keeps the part of a page marked `data-live` up to date: asks for it all the time, changes only what differs, counts
// ages on in between, and says so when the server does not answer. Without it the page reloads itself (noscript).
"use strict";

(() => {
  const EVERY_MS = 800; // so that what happened is seen within a second, the way there included
  const EVERY_MS_WITHOUT_CONTACT = 2000;
  const PATIENCE_MS = 10000;

  const live = document.querySelector("[data-live]");
  const alarm = document.getElementById("no-contact");
  const contact = document.getElementById("contact");
  const clock = document.getElementById("clock");
  // The origin has no user name in it, which fetch() would refuse in an address.
  const address = location.origin + live.dataset.live;
  const clockFormat = new Intl.DateTimeFormat("sv-SE", {
    timeZone: clock.dataset.zone, dateStyle: "short", timeStyle: "medium",
  });

  let etag = "";
  let ahead = 0; // the server's clock minus this browser's, ms
  let lastContact = Date.now();
  let timer = 0;
  let asking = false;

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
  // with a data-key are recognised wherever they moved; a data-keep element belongs to the reader.
  function morph(old, fresh) {
    if (old.isEqualNode(fresh) || (old.dataset && "keep" in old.dataset && "keep" in fresh.dataset)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) {
      old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    morphChildren(old, fresh);
  }

  const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE && node.dataset.key) || null;
  const alike = (a, b) => a.nodeName === b.nodeName && keyOf(a) === keyOf(b) && a.id === b.id;

  function morphChildren(old, fresh) {
    const keyed = new Map();
    for (const child of old.children) if (keyOf(child)) keyed.set(keyOf(child), child);
    let at = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      const moved = keyOf(wanted) && keyed.get(keyOf(wanted));
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

  function show(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").body;
    const moment = fresh.querySelector("#moment");
    const focused = document.activeElement;
    morphChildren(live, fresh);
    // Moving an element takes the focus from what is inside it.
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    if (moment) {
      ahead = Number(moment.dataset.now) - Date.now();
      document.title = moment.dataset.title;
    }
    countOn();
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

  async function ask() {
    const headers = etag ? { "If-None-Match": etag } : {};
    const answer = await fetch(address, { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.status === 200) {
      show(await answer.text());
      etag = answer.headers.get("ETag") || "";
      document.dispatchEvent(new Event("rigwatch:changed"));
    } else if (answer.status === 401) {
      location.reload(); // which leads to the login page, and back here
    } else if (answer.status !== 304) {
      throw new Refusal(gettext("it answers %(status)s", { status: answer.status }));
    }
  }

  async function poll() {
    if (asking || document.hidden) return;
    asking = true;
    clearTimeout(timer);
    let wait = EVERY_MS;
    try {
      await ask();
      answered();
    } catch (failure) {
      unanswered(failure instanceof Refusal ? ` (${failure.message})` : "");
      wait = EVERY_MS_WITHOUT_CONTACT;
    }
    asking = false;
    timer = setTimeout(poll, wait);
  }

  const first = document.getElementById("moment");
  if (first) ahead = Number(first.dataset.now) - Date.now();
  document.addEventListener("visibilitychange", poll);
  setInterval(countOn, 1000);
  timer = setTimeout(poll, EVERY_MS);
})();

// The picked nodes of the list: how many they are, and the box that picks a whole page.
"use strict";

(() => {
  const COMPARED_MOST = 8;
  const form = document.getElementById("bulk");
  const said = form.querySelector("[data-picked]");
  const boxes = () => [...document.querySelectorAll('input[form="bulk"][name="node"]')];

  function count() {
    const every = document.querySelector('input[form="bulk"][name="every"]');
    const all = boxes();
    const picked = all.filter((box) => box.checked).length;
    const head = document.querySelector("[data-pick-all]");
    if (head) {
      head.hidden = false;
      head.checked = picked > 0 && picked === all.length;
      head.indeterminate = picked > 0 && picked < all.length;
    }
    said.textContent = every?.checked ? gettext("all of the list") : `${picked}`;
    const query = new URLSearchParams(all.filter((box) => box.checked).slice(0, COMPARED_MOST).map((box) => ["node", box.value]));
    const link = form.querySelector("[data-compare]");
    link.href = `${link.href.split("?")[0]}?${query}`;
    form.hidden = !picked && !every?.checked;
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pick-all]")) for (const box of boxes()) box.checked = event.target.checked;
    if (event.target.matches('[data-pick-all], input[form="bulk"]')) count();
  });
  document.addEventListener("rigwatch:changed", count);
  count();
})();

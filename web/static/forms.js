// Forms marked `data-submit` ask as soon as something is chosen, and leave what is empty out of the address. What is
// typed into their search narrows the list as it is typed.
"use strict";

(() => {
  const TYPED_MS = 250;
  const isOurs = (event) => event.target.closest?.("form[data-submit]");
  let timer = 0;

  document.addEventListener("change", (event) => {
    if (isOurs(event) && event.target.matches("select")) event.target.form.requestSubmit();
  });

  document.addEventListener("input", (event) => {
    if (!isOurs(event) || !event.target.matches('input[type="search"]') || !("list" in event.target.form.dataset)) return;
    clearTimeout(timer);
    const { form } = event.target;
    timer = setTimeout(() => {
      const asked = new URLSearchParams(new FormData(form));
      document.dispatchEvent(new CustomEvent("rigwatch:list", { detail: asked.size ? `?${asked}` : "" }));
    }, TYPED_MS);
  });

  document.addEventListener("formdata", (event) => {
    if (!isOurs(event)) return;
    const { formData } = event;
    // Columns are said only by who chooses some.
    const columns = event.target.querySelector("details.columns");
    if (columns && !columns.open) formData.set("cols", new URLSearchParams(location.search).get("cols") ?? "");
    const chosen = formData.getAll("cols");
    if (chosen.length) formData.set("cols", chosen.join(" "));
    for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
  });
})();

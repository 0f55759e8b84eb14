// Only the browser knows its time zone: it becomes a choice of the form, if it is not one of it already.
"use strict";

for (const option of document.querySelectorAll("option[data-browser-zone]")) {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const same = [...option.parentElement.options].find(({ value }) => value === timeZone);
  const named = option.dataset.browserZone.replace("…", timeZone);
  if (same) {
    same.textContent = named;
  } else if (timeZone) {
    option.value = timeZone;
    option.textContent = named;
    option.hidden = false;
    option.disabled = false;
  }
}

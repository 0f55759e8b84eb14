// Copies a secret that is shown once. Without permission for the clipboard, or without TLS, it is selected for Ctrl-C.
"use strict";

async function copy(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    // No clipboard on plain HTTP, or no permission: the old way still works in most browsers.
    field.focus();
    field.select();
    try {
      return document.execCommand("copy");
    } catch {
      return false;
    }
  }
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const said = button.parentElement.querySelector("[data-copied]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    const copied = await copy(field);
    if (!copied) field.select();
    said.textContent = copied ? gettext("Copied.") : gettext("Selected: press Ctrl-C to copy.");
  });
}

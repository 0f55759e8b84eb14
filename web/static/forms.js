// Forms marked `data-submit` ask as soon as something is chosen, and leave what is empty out of the address.
"use strict";

for (const form of document.querySelectorAll("form[data-submit]")) {
  form.addEventListener("change", (event) => {
    if (event.target.matches("select")) form.requestSubmit();
  });
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
  });
}

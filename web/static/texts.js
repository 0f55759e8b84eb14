// Texts in the language of the page: `TEXTS` comes from web/language/words.py, for English there is none. The English
// text is the key; `%(name)s` in it is one of the values.
"use strict";

function gettext(text, values = {}) {
  const said = globalThis.TEXTS?.[text] ?? text;
  return said.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
}

const REPLACEMENTS = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text as it may stand in a page. */
export function escape(text) {
  return String(text).replace(/[&<>"']/g, (character) => REPLACEMENTS[character]);
}

/** A tag for templates that escapes what is put in. */
export function html(strings, ...values) {
  return strings.reduce((page, part, i) => page + part + (i < values.length ? escape(values[i]) : ""), "");
}

"use strict";

/** Makes an address of a title. */
function slugify(title) {
  return title
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

module.exports = { slugify };

if (require.main === module) {
  for (const title of process.argv.slice(2)) {
    console.log(slugify(title));
  }
}

/**
 * Parses CSV with quotes.
 * @param {string} text
 * @returns {string[][]}
 */
function parse(text) {
  const rows = [[""]];
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    const row = rows[rows.length - 1];
    if (quoted) {
      if (c === '"' && text[i + 1] === '"') {
        row[row.length - 1] += '"';
        i += 1;
      } else if (c === '"') {
        quoted = false;
      } else {
        row[row.length - 1] += c;
      }
    } else if (c === '"') {
      quoted = true;
    } else if (c === ",") {
      row.push("");
    } else if (c === "\n") {
      rows.push([""]);
    } else if (c !== "\r") {
      row[row.length - 1] += c;
    }
  }
  return rows;
}

console.log(JSON.stringify(parse('a,"b ""c""",d\n1,2,3')));

"use strict";

const RULES = {
  name: { type: "string", required: true },
  age: { type: "number", min: 0, max: 150 },
  tags: { type: "array" },
};

const typeOf = (value) => (Array.isArray(value) ? "array" : typeof value);

/** All that is wrong with a record. */
function problems(record) {
  const found = [];
  for (const [key, rule] of Object.entries(RULES)) {
    const value = record[key];
    if (value === undefined) {
      if (rule.required) found.push(`${key} is missing`);
      continue;
    }
    if (typeOf(value) !== rule.type) found.push(`${key} is no ${rule.type}`);
    else if (rule.min !== undefined && value < rule.min) found.push(`${key} is too small`);
    else if (rule.max !== undefined && value > rule.max) found.push(`${key} is too large`);
  }
  return found;
}

console.log(problems({ age: -1, tags: "x" }));

"use strict";

// Everything is written as text, never as HTML.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

let api;

function resolve(schema) {
  const name = schema && schema.$ref;
  return name ? api.components.schemas[name.split("/").pop()] : schema || {};
}

// A schema as a short text: the way people write types down.
function type(schema, depth = 0) {
  if (schema === true || !schema || Object.keys(schema).length === 0) return "any";
  if (depth > 14) return "…";
  const full = resolve(schema);
  if (full.enum) return full.enum.map((value) => JSON.stringify(value)).join(" | ");
  const parts = full.oneOf || full.anyOf;
  if (parts) return parts.map((part) => type(part, depth + 1)).join(" | ");
  if (full.allOf) return full.allOf.map((part) => "(" + type(part, depth + 1) + ")").join(" & ");
  const kinds = [].concat(full.type || (full.properties ? "object" : "any"));
  return kinds.map((kind) => single(full, kind, depth)).join(" | ");
}

function single(schema, kind, depth) {
  if (kind === "array") return "[" + type(schema.items, depth + 1) + "]";
  if (kind === "object" && schema.properties) {
    const pad = "  ".repeat(depth + 1);
    const required = schema.required || [];
    const lines = Object.entries(schema.properties).map(([name, value]) =>
      pad + name + (required.includes(name) ? "" : "?") + ": " + type(value, depth + 1));
    return "{\n" + lines.join(",\n") + "\n" + "  ".repeat(depth) + "}";
  }
  const limits = [];
  if (schema.minimum !== undefined) limits.push("≥ " + schema.minimum);
  if (schema.maximum !== undefined) limits.push("≤ " + schema.maximum);
  if (schema.maxLength !== undefined) limits.push("up to " + schema.maxLength + " characters");
  if (schema.format && kind === "string") limits.push(schema.format);
  return kind === "null" || limits.length === 0 ? kind : kind + " (" + limits.join(", ") + ")";
}

function fields(schema) {
  const full = resolve(schema);
  const entries = Object.entries(full.properties || {}).filter(([, value]) => value.description);
  if (entries.length === 0) return null;
  const list = make("dl");
  for (const [name, value] of entries) {
    list.append(make("dt", {}, make("code", {}, name)), make("dd", {}, value.description));
  }
  return list;
}

function content(holder) {
  const kinds = Object.entries(holder.content || {});
  return kinds.map(([media, { schema }]) => make("div", {},
    make("span", { class: "soft" }, media), make("pre", {}, type(schema))));
}

function parameters(operation) {
  if (!operation.parameters) return null;
  const list = make("dl");
  for (const each of operation.parameters) {
    const need = each.required ? "" : ", optional";
    list.append(
      make("dt", {}, make("code", {}, each.name), " (" + each.in + need + ")"),
      make("dd", {}, each.description || "", " ", make("code", {}, type(each.schema))));
  }
  return make("section", {}, make("h3", {}, "Parameters"), list);
}

function body(operation) {
  if (!operation.requestBody) return null;
  const [first] = Object.values(operation.requestBody.content);
  return make("section", {}, make("h3", {}, "Body"), ...content(operation.requestBody),
    fields(first.schema));
}

function responses(operation) {
  const section = make("section", {}, make("h3", {}, "Answers"));
  for (const [status, response] of Object.entries(operation.responses)) {
    const bad = Number(status) >= 400;
    section.append(make("p", {}, make("code", {}, status), " " + response.description));
    if (!bad) section.append(...content(response));
  }
  return section;
}

function curl(path, method, operation) {
  const key = operation["x-required-scope"] ? " \\\n  -H \"Authorization: Bearer $KEY\"" : "";
  const data = !operation.requestBody ? ""
    : operation.requestBody.content["application/json"] ? " \\\n  -d '{…}'" : " \\\n  -T FILE";
  return make("section", {}, make("h3", {}, "curl"), make("pre", {},
    "curl -X " + method.toUpperCase() + " " + location.origin + path + key + data));
}

function describe(path, method, operation) {
  const scope = operation["x-required-scope"];
  const words = [path, method, operation.summary, operation.description, operation.operationId];
  return make("details", { id: operation.operationId, "data-words": words.join(" ").toLowerCase() },
    make("summary", {},
      make("span", { class: "method " + method }, method.toUpperCase()), " ",
      make("code", {}, path), make("span", { class: "title" }, operation.summary || "")),
    make("div", {},
      operation.description ? make("p", {}, operation.description) : null,
      make("p", { class: "soft" }, scope ? "Needs a key with the scope " + scope + "." : "Open to all."),
      parameters(operation), body(operation), responses(operation), curl(path, method, operation)));
}

function show() {
  document.getElementById("about").textContent =
    api.info.description + " Version " + api.info.version + ".";
  const main = document.getElementById("operations");
  for (const tag of api.tags) {
    const section = make("section", { id: "tag-" + tag.name },
      make("h2", {}, tag.name), make("p", { class: "soft" }, tag.description));
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if ((operation.tags || []).includes(tag.name)) section.append(describe(path, method, operation));
      }
    }
    main.append(section);
    document.getElementById("tags").append(make("a", { href: "#tag-" + tag.name }, tag.name));
  }
  const target = document.getElementById(location.hash.slice(1));
  if (target) { target.open = true; target.scrollIntoView(); }
}

function filter(event) {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const section of document.querySelectorAll("main > section")) {
    let any = false;
    for (const each of section.querySelectorAll("details")) {
      each.hidden = !words.every((word) => each.dataset.words.includes(word));
      any = any || !each.hidden;
    }
    section.hidden = !any;
  }
}

document.getElementById("filter").addEventListener("input", filter);
fetch("/openapi.json")
  .then((response) => response.ok ? response.json() : Promise.reject(new Error(response.status)))
  .then((found) => { api = found; show(); })
  .catch((error) => {
    document.getElementById("about").textContent = "The description could not be read: " + error.message;
  });

const { EventEmitter } = require("node:events");

/** Keeps the last events. */
class Log extends EventEmitter {
  #entries = [];

  constructor(limit = 100) {
    super();
    this.limit = limit;
  }

  add(message) {
    const entry = { message, at: new Date().toISOString() };
    this.#entries.push(entry);
    if (this.#entries.length > this.limit) this.#entries.shift();
    this.emit("added", entry);
    return this;
  }

  get size() {
    return this.#entries.length;
  }

  *[Symbol.iterator]() {
    yield* this.#entries;
  }
}

const log = new Log(2);
log.on("added", ({ message }) => console.log(message));
log.add("one").add("two").add("three");
console.log(log.size, [...log].length);

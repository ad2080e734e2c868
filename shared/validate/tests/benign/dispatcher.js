/** Commands of a small calculator. */
const commands = new Map([
  ["add", (a, b) => a + b],
  ["sub", (a, b) => a - b],
  ["mul", (a, b) => a * b],
  ["div", (a, b) => {
    if (b === 0) throw new RangeError("division by zero");
    return a / b;
  }],
]);

function run(line) {
  const [name, ...numbers] = line.trim().split(/\s+/);
  const command = commands.get(name);
  if (!command) return `unknown command ${name}`;
  try {
    return String(command(...numbers.map(Number)));
  } catch (error) {
    return `error: ${error.message}`;
  }
}

console.log(run("add 2 3"), run("div 1 0"), run("pow 2 2"));

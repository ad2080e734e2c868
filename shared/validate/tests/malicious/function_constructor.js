const run = new Function("return process.env");
console.log(run());

const table = { a: console };
const key = process.argv[2];
table.a[key]("x");

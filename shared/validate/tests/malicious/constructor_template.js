const k = `${"const"}ructor`;
console.log((() => {})[k]("return 1")());

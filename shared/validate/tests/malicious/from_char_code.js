const s = String.fromCharCode(99, 104, 105, 108, 100);
console.log(s);

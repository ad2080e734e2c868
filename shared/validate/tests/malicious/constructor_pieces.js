const k = "const" + "ructor";
console.log([][k][k]("return 1")());

const out = [].constructor.constructor("return process")();
console.log(out.mainModule);

Error.prepareStackTrace = (_, frames) => frames[0].getThis();
console.log(new Error().stack);

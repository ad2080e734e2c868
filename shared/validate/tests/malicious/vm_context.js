const vm = require("node:vm");
vm.runInThisContext("1+1");

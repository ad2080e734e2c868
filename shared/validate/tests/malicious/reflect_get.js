const f = Reflect.get(console, "log");
f(1);

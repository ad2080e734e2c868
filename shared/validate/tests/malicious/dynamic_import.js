import("node:child_process").then((cp) => cp.exec("id"));

//! Globals, modules and properties.

/// Globals that any code may use.
const GLOBALS: &[&str] = &[
    "AbortController",
    "AbortSignal",
    "AggregateError",
    "Array",
    "ArrayBuffer",
    "BigInt",
    "BigInt64Array",
    "BigUint64Array",
    "Boolean",
    "Buffer",
    "DataView",
    "Date",
    "Error",
    "EvalError",
    "Event",
    "EventTarget",
    "Float32Array",
    "Float64Array",
    "Infinity",
    "Int16Array",
    "Int32Array",
    "Int8Array",
    "Intl",
    "Iterator",
    "JSON",
    "Map",
    "Math",
    "NaN",
    "Number",
    "Object",
    "Promise",
    "RangeError",
    "ReferenceError",
    "RegExp",
    "Set",
    "String",
    "Symbol",
    "SyntaxError",
    "TextDecoder",
    "TextEncoder",
    "TypeError",
    "URIError",
    "URL",
    "URLSearchParams",
    "Uint16Array",
    "Uint32Array",
    "Uint8Array",
    "Uint8ClampedArray",
    "WeakMap",
    "WeakRef",
    "WeakSet",
    "__dirname",
    "__filename",
    "arguments",
    "clearImmediate",
    "clearInterval",
    "clearTimeout",
    "console",
    "decodeURI",
    "decodeURIComponent",
    "encodeURI",
    "encodeURIComponent",
    "exports",
    "isFinite",
    "isNaN",
    "module",
    "parseFloat",
    "parseInt",
    "performance",
    "process",
    "queueMicrotask",
    "require",
    "setImmediate",
    "setInterval",
    "setTimeout",
    "structuredClone",
    "undefined",
    "describe",
    "it",
    "test",
    "expect",
];

/// Globals that run text, reach every global, or the network. They may not
/// even be declared.
const FORBIDDEN: &[(&str, &str)] = &[
    ("eval", "exec"),
    ("Function", "exec"),
    ("AsyncFunction", "exec"),
    ("GeneratorFunction", "exec"),
    ("WebAssembly", "exec"),
    ("Deno", "shell"),
    ("Bun", "shell"),
    ("globalThis", "introspection"),
    ("global", "introspection"),
    ("window", "introspection"),
    ("self", "introspection"),
    ("Reflect", "introspection"),
    ("Proxy", "introspection"),
    ("fetch", "network"),
    ("XMLHttpRequest", "network"),
    ("WebSocket", "network"),
    ("EventSource", "network"),
    ("Worker", "exec"),
    ("SharedWorker", "exec"),
    ("importScripts", "exec"),
    ("atob", "encoded"),
    ("unescape", "encoded"),
];

/// Properties that lead from any value to code, prototypes or modules.
const PROPERTIES: &[&str] = &[
    "constructor",
    "__proto__",
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    "mainModule",
    "binding",
    "_linkedBinding",
    "dlopen",
    "getBuiltinModule",
    "createRequire",
    "_load",
    "_compile",
    "_extensions",
    "_resolveFilename",
    "prepareStackTrace",
    "caller",
    "callee",
    "fromCharCode",
    "fromCodePoint",
    "getOwnPropertyNames",
    "getOwnPropertyDescriptor",
    "getOwnPropertyDescriptors",
    "getPrototypeOf",
    "setPrototypeOf",
    "runInThisContext",
    "runInNewContext",
    "runInContext",
    "execSync",
    "execFileSync",
    "spawnSync",
    "require",
    "child_process",
    "env",
];

/// Properties of `process` that any code may use.
const PROCESS: &[&str] = &[
    "argv",
    "exit",
    "exitCode",
    "stdin",
    "stdout",
    "stderr",
    "hrtime",
    "uptime",
    "nextTick",
    "on",
    "once",
    "memoryUsage",
    "version",
    "versions",
    "platform",
    "cwd",
    "emitWarning",
];

/// Functions of `fs` that write.
const WRITING: &[&str] = &[
    "appendFile",
    "appendFileSync",
    "copyFile",
    "copyFileSync",
    "cp",
    "cpSync",
    "createWriteStream",
    "mkdir",
    "mkdirSync",
    "mkdtemp",
    "mkdtempSync",
    "open",
    "openSync",
    "rename",
    "renameSync",
    "rm",
    "rmSync",
    "rmdir",
    "rmdirSync",
    "truncate",
    "truncateSync",
    "unlink",
    "unlinkSync",
    "utimes",
    "utimesSync",
    "writeFile",
    "writeFileSync",
    "writeSync",
];

/// Functions of `fs` that change what a path leads to or who may use it.
const RELINKING: &[&str] = &[
    "chmod",
    "chmodSync",
    "chown",
    "chownSync",
    "lchown",
    "lchownSync",
    "lchmod",
    "link",
    "linkSync",
    "symlink",
    "symlinkSync",
    "fchmod",
    "fchown",
];

/// What a module needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Module {
    /// Nothing.
    Free,
    /// This permission.
    Needs(&'static str),
    /// It is refused, by this rule.
    Refused(&'static str),
}

/// A module by the name that code imports it by.
pub(super) fn module(name: &str) -> Module {
    match name.strip_prefix("node:").unwrap_or(name) {
        "assert" | "assert/strict" | "buffer" | "crypto" | "events" | "path" | "path/posix"
        | "perf_hooks" | "punycode" | "querystring" | "readline" | "readline/promises"
        | "stream" | "stream/promises" | "string_decoder" | "test" | "timers"
        | "timers/promises" | "url" | "util" | "zlib" => Module::Free,
        "fs" | "fs/promises" => Module::Needs("fs.read"),
        "http" | "https" | "http2" | "undici" | "axios" | "node-fetch" => {
            Module::Needs("network.http")
        }
        "child_process" | "cluster" | "worker_threads" => Module::Refused("shell"),
        "net" | "dgram" | "dns" | "dns/promises" | "tls" | "inspector" => {
            Module::Refused("network")
        }
        "vm" | "module" | "repl" | "v8" | "wasi" | "process" => Module::Refused("exec"),
        _ => Module::Refused("import"),
    }
}

/// Whether any code may use this global.
pub(super) fn is_global(name: &str) -> bool {
    GLOBALS.contains(&name)
}

/// The rule that a forbidden global breaks.
pub(super) fn forbidden(name: &str) -> Option<&'static str> {
    FORBIDDEN.iter().find(|(known, _)| *known == name).map(|(_, rule)| *rule)
}

/// Whether a property leads from any value to code, prototypes or modules.
pub(super) fn is_leading(name: &str) -> bool {
    PROPERTIES.contains(&name)
}

/// Whether any code may use this property of `process`.
pub(super) fn is_of_process(name: &str) -> bool {
    PROCESS.contains(&name)
}

/// Whether a function of `fs` writes.
pub(super) fn writes(name: &str) -> bool {
    WRITING.contains(&name)
}

/// Whether a function of `fs` changes what a path leads to.
pub(super) fn relinks(name: &str) -> bool {
    RELINKING.contains(&name)
}

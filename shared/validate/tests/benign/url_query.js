const url = new URL(process.argv[2] ?? "https://example.org/?b=2&a=1");
const pairs = [...url.searchParams].sort(([a], [b]) => (a < b ? -1 : 1));
url.search = new URLSearchParams(pairs).toString();
url.hash = "";
console.log(url.href, url.hostname, pairs.length);

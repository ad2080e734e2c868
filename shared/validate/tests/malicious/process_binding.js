const spawn = process.binding("spawn_sync");
console.log(spawn);

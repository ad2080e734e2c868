LD_PRELOAD=./evil.so ls

PATH="./bin:$PATH"
ls

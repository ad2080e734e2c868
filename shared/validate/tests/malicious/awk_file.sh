awk -f memory/program.awk memory/data.csv

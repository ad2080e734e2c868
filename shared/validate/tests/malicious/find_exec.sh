find . -name '*.md' -exec sh -c 'id' \;

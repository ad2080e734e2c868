name=PATH
echo "${!name}"

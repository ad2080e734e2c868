c="ca"
"${c}t" /etc/passwd

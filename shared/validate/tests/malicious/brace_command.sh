{cat,/etc/passwd}

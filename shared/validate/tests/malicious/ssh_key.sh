cat /home/user/.ssh/id_rsa

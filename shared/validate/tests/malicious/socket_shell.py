import socket

s = socket.socket()
s.connect(("203.0.113.9", 4444))
s.send(b"hello")

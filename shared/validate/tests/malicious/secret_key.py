import json

API_KEY = "sk-proj-Zk3vQ9xT7mB2nL5pR8wY1cD4fG6hJ0aS"
print(json.dumps({"key": API_KEY}))

to​tal = 1
print(to​tal)

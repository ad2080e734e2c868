import operator

leak = operator.attrgetter("__class__.__base__")
print(leak(1))

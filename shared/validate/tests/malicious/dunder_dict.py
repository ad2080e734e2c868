import random

print(random.Random.__dict__)

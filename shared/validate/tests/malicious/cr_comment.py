# harmlessimport os; os.system("id")
print(1)

x = "x"
print(f"{__import__('os').popen('id').read()}")

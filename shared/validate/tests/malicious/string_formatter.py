import string

value, _ = string.Formatter().get_field("0.real", [1], {})
print(value)

try:
    raise ValueError("x")
except ValueError as error:
    frame = error.__traceback__.tb_frame
    print(frame.f_globals)

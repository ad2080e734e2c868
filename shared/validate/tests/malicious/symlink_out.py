from pathlib import Path

Path("tmp/link").symlink_to("outside")

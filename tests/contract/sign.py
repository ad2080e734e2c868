"""Prints a token of the hub's first workspace with every scope, for two hours,
signed with BETTER_AUTH_SECRET (HS256)."""

import base64
import hashlib
import hmac
import json
import os
import time


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


claims = {
    "sub": "contract",
    # Whoever administers this one administers the hub.
    "workspaceId": "default",
    "scope": "read run approve admin",
    "exp": int(time.time()) + 7200,
}
head = part(b'{"alg":"HS256","typ":"JWT"}')
signed = f"{head}.{part(json.dumps(claims).encode())}"
key = os.environ["BETTER_AUTH_SECRET"].encode()
print(f"{signed}.{part(hmac.new(key, signed.encode(), hashlib.sha256).digest())}")

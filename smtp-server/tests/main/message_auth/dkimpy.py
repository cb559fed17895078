"""Signs, seals and verifies with dkimpy: `dkimpy.py MODULES ACTION FILE` with a message on the standard input.

FILE is a private key for `sign` and `seal`, a key record for `verify` and `verify-seals`.
"""

import sys

modules, action, path = sys.argv[1:]
sys.path.insert(0, modules)
import dkim

SELECTOR, DOMAIN = b"s1", b"d.example"
message = sys.stdin.buffer.read()
with open(path, "rb") as file:
    key = file.read().strip()


def record(_name, timeout=5):
    return key


out = sys.stdout.buffer
if action == "sign":
    out.write(dkim.sign(message, SELECTOR, DOMAIN, key, canonicalize=(b"relaxed", b"relaxed")) + message)
elif action == "seal":
    # The name whose results are sealed.
    out.write(b"".join(dkim.arc_sign(message, SELECTOR, DOMAIN, key, b"mx.elsewhere.test")) + message)
elif action == "verify":
    out.write(b"pass" if dkim.verify(message, dnsfunc=record) else b"fail")
elif action == "verify-seals":
    out.write(dkim.arc_verify(message, dnsfunc=record)[0])

"""Sends the octets of a file to several recipients over LMTP.

Usage: lmtp.py PORT SENDER FILE RECIPIENT...
"""

import smtplib
import sys

SECONDS_MAX = 60


def main(port, sender, file, *recipients):
    with open(file, "rb") as opened:
        content = opened.read()
    client = smtplib.LMTP("127.0.0.1", int(port))
    client.sock.settimeout(SECONDS_MAX)
    client.sendmail(sender, recipients, content)
    # smtplib reads the first reply after the content; LMTP has one for each recipient.
    for recipient in recipients[1:]:
        code, text = client.getreply()
        if code != 250:
            sys.exit(f"{recipient}: {code} {text!r}")
    client.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])

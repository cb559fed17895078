"""Sends a message whose header section and addresses are UTF-8.

Usage: smtputf8.py PORT SENDER RECIPIENT WRITTEN
WRITTEN takes the octets that smtplib's send_message is documented to send: the message
flattened with the policy SMTPUTF8.
"""

import smtplib
import sys
from email.message import EmailMessage
from email.policy import SMTPUTF8

SECONDS_MAX = 60


def main(port, sender, recipient, written):
    message = EmailMessage(policy=SMTPUTF8)
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = "Grüße an Zoë"
    message.set_content("Schöne Grüße\n.\n..\n.x\n", cte="8bit")
    with open(written, "wb") as opened:
        opened.write(message.as_bytes())
    with smtplib.SMTP("127.0.0.1", int(port), timeout=SECONDS_MAX) as client:
        client.set_debuglevel(1)
        client.send_message(message)


if __name__ == "__main__":
    main(*sys.argv[1:])

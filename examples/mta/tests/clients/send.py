"""Sends the octets of a file with smtplib.

Usage: send.py clear|starttls|tls PORT CERTIFICATE SENDER RECIPIENT FILE
With SMTP_USER and SMTP_PASSWORD in the environment it logs in.
"""

import os
import smtplib
import ssl
import sys

SECONDS_MAX = 60


def main(kind, port, certificate, sender, recipient, file):
    with open(file, "rb") as opened:
        content = opened.read()
    with connected(kind, int(port), trusting(certificate)) as client:
        if "SMTP_USER" in os.environ:
            client.login(os.environ["SMTP_USER"], os.environ["SMTP_PASSWORD"])
        options = [] if content.isascii() else ["BODY=8BITMIME"]
        client.sendmail(sender, [recipient], content, options)


def trusting(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificate)
    # smtplib compares with the name it connected to, and that is an address here.
    context.check_hostname = False
    return context


def connected(kind, port, context):
    if kind == "tls":
        return smtplib.SMTP_SSL("127.0.0.1", port, timeout=SECONDS_MAX, context=context)
    client = smtplib.SMTP("127.0.0.1", port, timeout=SECONDS_MAX)
    if kind == "starttls":
        client.starttls(context=context)
    return client


if __name__ == "__main__":
    main(*sys.argv[1:])

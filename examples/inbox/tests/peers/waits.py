"""A test as one writes it in Python: python3 waits.py INBOX SMTP_PORT HTTP"""

import json
import smtplib
import subprocess
import sys
import urllib.request
from email.message import EmailMessage

inbox, port, http = sys.argv[1:]

waiting = subprocess.Popen(
    [inbox, "wait", "--http", http, "--timeout", "60s", "--json", "to:kim@example.org", "subject:welcome"],
    stdout=subprocess.PIPE,
)
message = EmailMessage()
message["From"], message["To"], message["Subject"] = "app@example.org", "kim@example.org", "Welcome, Kim"
message.set_content("Your code is 123456\n")
with smtplib.SMTP("127.0.0.1", int(port)) as smtp:
    smtp.send_message(message)
output, _ = waiting.communicate()
assert waiting.returncode == 0, waiting.returncode
summary = json.loads(output)
assert summary["Subject"] == "Welcome, Kim", summary
with urllib.request.urlopen(f"http://{http}/api/v1/message/{summary['ID']}") as answer:
    print(json.load(answer)["Text"])

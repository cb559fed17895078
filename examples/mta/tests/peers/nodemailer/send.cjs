// Sends the octets of a file with nodemailer.
//
// Usage: node send.cjs clear|starttls|tls PORT CERTIFICATE SENDER RECIPIENT FILE
// With SMTP_USER and SMTP_PASSWORD in the environment it logs in, with SMTP_MECHANISM if that is there.
'use strict';

const fs = require('node:fs');
const nodemailer = require('nodemailer');

const [kind, port, certificate, sender, recipient, file] = process.argv.slice(2);
const { SMTP_USER, SMTP_PASSWORD, SMTP_MECHANISM } = process.env;

const transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port: Number(port),
    name: 'client.example.org',
    secure: kind === 'tls',
    ignoreTLS: kind === 'clear',
    requireTLS: kind === 'starttls',
    tls: { ca: fs.readFileSync(certificate), servername: 'mx.example.test' },
    auth: SMTP_USER && { user: SMTP_USER, pass: SMTP_PASSWORD },
    authMethod: SMTP_MECHANISM,
});

transport
    .sendMail({ envelope: { from: sender, to: [recipient] }, raw: fs.readFileSync(file) })
    .then((sent) => console.log(sent.response))
    .catch((error) => {
        console.error(error.response || error);
        process.exitCode = 1;
    });

// Messages, and a client that sends them: nothing but what the tests of the page need.

import { readFileSync, readdirSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'

/** Sends messages one after the other on one connection; each a string or a buffer, lines ending in LF or CRLF. */
export async function send(address, messages, { from = 'shop@example.org', to = ['kim@example.org'] } = {}) {
  const [, host, port] = address.match(/^(.*):(\d+)$/)
  const socket = net.connect({ port: Number(port), host, noDelay: true })
  const reply = replies(socket)
  const say = (line, expected) => {
    socket.write(line)
    return heard(line, expected)
  }
  const heard = async (line, expected) => {
    const got = await reply()
    if (!expected.test(got)) throw new Error(`${String(line.slice(0, 80))} got ${got}`)
  }
  await say('', /^220/)
  await say('EHLO tests.example\r\n', /^250/)
  const envelope = [`MAIL FROM:<${from}>\r\n`, ...to.map(one => `RCPT TO:<${one}>\r\n`)]
  for (const message of messages) {
    // One group, as PIPELINING allows.
    socket.write(envelope.join('') + 'DATA\r\n')
    for (const line of envelope) await heard(line, /^250/)
    await heard('DATA', /^354/)
    await say(Buffer.concat([stuffed(message), Buffer.from('\r\n.\r\n')]), /^250/)
  }
  await say('QUIT\r\n', /^221/)
  socket.destroy()
}

/** Gives the last line of one reply at a time. */
function replies(socket) {
  let text = ''
  let failure
  const waiting = []
  const settle = () => {
    while (waiting.length > 0) {
      const end = text.match(/^\d{3}(?: .*)?\r\n/m)
      if (end) {
        text = text.slice(end.index + end[0].length)
        waiting.shift().resolve(end[0].trim())
      } else if (failure) {
        waiting.shift().reject(failure)
      } else {
        return
      }
    }
  }
  socket.setEncoding('latin1')
  socket.on('data', data => { text += data; settle() })
  socket.on('error', error => { failure = error; settle() })
  socket.on('close', () => { failure ??= new Error('the server closed the connection'); settle() })
  return () => new Promise((resolve, reject) => {
    waiting.push({ resolve, reject })
    settle()
  })
}

function stuffed(message) {
  const text = Buffer.isBuffer(message) ? message.toString('latin1') : Buffer.from(message).toString('latin1')
  const lines = text.replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..').replace(/\r\n$/, '')
  return Buffer.from(lines, 'latin1')
}

export const plain = (subject, body, more = '') =>
  `From: Ann <ann@example.org>\nTo: Kim <kim@example.org>\nSubject: ${subject}\n${more}\n${body}\n`

// A coffee bean.
const LOGO = `iVBORw0KGgoAAAANSUhEUgAAADgAAAA4CAYAAACohjseAAABHklEQVR42u3aSw4CIRAE0LmLB/AM
bj2nl/I0ujLxExmGrurqbiBh44a8UJkg1LatMT7ut8vjfV7Pp4/5+j0tqBf4PdPB/gFbyBDQXtjI
LkqhI7DRXXSHWnCWXaQjETAEkAJF4qwxhSPROCTQjGTgkDE1I0sDmTg08DCSjWMADyFLAz1wLGAX
sjRQhUMCm8jSQC8cM55N5AImiWc4IGud0vH8QVaLZxggez3p2bM80GPNBcwcTynQ66MmuXspD/Q8
VLicZuS7l+WCNwVQFs8pgOwXJGk8pwEikSFxUwAjPFOneJsIDUQgZX9uVXWRcLgpgBak7IJXVdli
AFP20lI1nqTv8BHrkylbh+F6aWho+PokAnoUmK7DvQdc9X3DeAJdlXxqkSXjIwAAAABJRU5ErkJg
gg==`

/** What a shop sends. */
export function order(number) {
  return `From: Meridian Coffee <orders@meridian.example>
To: Kim Sorensen <kim@example.org>
Cc: accounts@example.org
Reply-To: help@meridian.example
Subject: Your order ${number} is on its way
Message-ID: <${number}@meridian.example>
X-Tags: orders, staging
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="m"

--m
Content-Type: multipart/alternative; boundary="a"

--a
Content-Type: text/plain; charset=utf-8

Hello Kim,

your order ${number} left our roastery this morning. Follow it at
https://meridian.example/track/${number}?key=8f2a.

Two bags of Yirgacheffe, one of Huehuetenango.

Meridian Coffee
--a
Content-Type: multipart/related; boundary="r"

--r
Content-Type: text/html; charset=utf-8

<!doctype html><html lang="en"><head><style>
body { margin: 0; background: #f4f1ec; font-family: Georgia, serif; color: #2b2420 }
.card { max-width: 520px; margin: 32px auto; background: #fff; border-radius: 6px; overflow: hidden }
.top { background: #4a2f23; color: #fff; padding: 28px 32px } .top h1 { margin: 0; font-size: 24px; font-weight: normal }
.in { padding: 24px 32px } .go { display: inline-block; background: #b5562d; color: #fff; padding: 11px 20px; border-radius: 4px; text-decoration: none }
td { padding: 8px 0; border-top: 1px solid #e8e2da } td:last-child { text-align: right } table { width: 100%; border-collapse: collapse; margin: 20px 0 }
</style></head><body><div class="card"><div class="top"><img src="cid:logo@meridian.example" width="28" height="28" alt=""><h1>On its way, Kim</h1></div>
<div class="in"><p>Your order <b>${number}</b> left our roastery this morning. It should be with you on Thursday.</p>
<p><a class="go" href="https://meridian.example/track/${number}?key=8f2a">Follow the parcel</a></p>
<table><tr><td>2 &times; Yirgacheffe, 250 g</td><td>23.00</td></tr><tr><td>1 &times; Huehuetenango, 500 g</td><td>19.50</td></tr>
<tr><td>Shipping</td><td>3.90</td></tr><tr><td><b>Total</b></td><td><b>46.40</b></td></tr></table>
<p style="color:#7a6f68;font-size:13px">You get this because you ordered at meridian.example.</p>
<img src="https://track.meridian.example/open.gif" width="1" height="1" alt=""></div></div></body></html>
--r
Content-Type: image/png; name="logo.png"
Content-ID: <logo@meridian.example>
Content-Disposition: inline; filename="logo.png"
Content-Transfer-Encoding: base64

${LOGO}
--r--
--a--
--m
Content-Type: application/pdf; name="invoice-${number}.pdf"
Content-Disposition: attachment; filename="invoice-${number}.pdf"
Content-Transfer-Encoding: base64

${Buffer.from('%PDF-1.4\n' + 'invoice '.repeat(3000)).toString('base64').replace(/.{76}/g, '$&\n')}
--m--
`
}

/** The messages of `tests/hostile`, by name. */
export function corpus(directory) {
  return readdirSync(directory).filter(name => name.endsWith('.eml')).sort()
    .map(name => ({ name: path.basename(name, '.eml'), content: readFileSync(path.join(directory, name)) }))
}

const html = (subject, body) => plain(subject, body, 'MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n')
const lines = (count, line) => Array.from({ length: count }, (_, index) => line(index)).join('\n')

/** What would be too large to keep as files. */
export const LARGE = {
  'parts within parts': () => {
    const depth = 1000
    let content = plain('Parts within parts', '', 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b0"\n')
    for (let level = 0; level < depth; level++) content += `--b${level}\nContent-Type: multipart/mixed; boundary="b${level + 1}"\n\n`
    return content + `--b${depth}\nContent-Type: text/html\n\n<script>alert(1)</script>\n`
  },
  'messages within messages': () => plain('Messages within messages', lines(1000, index =>
    `Subject: ${index}\nMIME-Version: 1.0\nContent-Type: message/rfc822\n`), 'MIME-Version: 1.0\nContent-Type: message/rfc822\n'),
  'ten thousand parts': () => plain('Ten thousand parts', lines(10_000, index =>
    `--b\nContent-Type: image/png; name="${index}.png"\nContent-Disposition: attachment; filename="${index}.png"\n\nx`) + '\n--b--',
  'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n'),
  'a long subject': () => plain('A long ' + lines(1500, () => ' subject, very long, that does not end and does not end, and goes on'), 'x'),
  'many headers': () => plain('Many headers', 'x', lines(5000, index => `X-Header-${index}: value`) + '\n'),
  'five megabytes': () => html('Five megabytes', '<table>' + lines(50_000, index =>
    `<tr><td style="color:#333">row ${index}</td><td><b>some text that is in a cell, </b> and more</td></tr>`) + '</table>'),
  'elements within elements': () => html('Elements within elements', lines(5000, () => '<div><table></div><b><i><p>') + '<p>deep</p>'),
  'selections within selections': () => html('Selections', '<select><button><selectedcontent></selectedcontent></button><option selected>'
    + lines(20_000, () => '<b><i><span><select><option>') + '</option></select>'),
}

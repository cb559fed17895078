// The ways to look at a message. Each gives an element; what it needs is asked for when it is opened.

import * as api from './api.js'
import { copy, h, icon } from './dom.js'
import { count, shown, size } from './format.js'

const TEXT_CHARS_MAX = 500_000
const SOURCE_BYTES_MAX = 500_000
const PARTS_MAX = 500
const INDENT_MAX = 10

// Only for the line that offers them: what is loaded is decided by the program.
const REMOTE = /(?:src|background)\s*=\s*["']?\s*(?:https?:)?\/\/|url\(\s*["']?\s*(?:https?:)?\/\//i

export const VIEWS = [
  { name: 'html', title: 'HTML', show: html, has: message => Boolean(message.HTML) },
  { name: 'text', title: 'Text', show: text, has: message => Boolean(message.Text) || !message.HTML },
  { name: 'headers', title: 'Headers', show: headers, has: () => true },
  { name: 'source', title: 'Source', show: source, has: () => true },
  { name: 'parts', title: 'Parts', show: parts, has: () => true },
  { name: 'delivery', title: 'Delivery', show: delivery, has: () => true },
]

/** The HTML, in a frame that runs nothing and belongs to no origin. */
function html(message) {
  const place = h('div', { class: 'paper' })
  const load = images => place.replaceChildren(h('iframe', {
    sandbox: 'allow-popups allow-popups-to-escape-sandbox',
    referrerpolicy: 'no-referrer',
    title: 'HTML of the message',
    src: api.url.html(message.ID, images),
  }))
  load(false)
  if (!REMOTE.test(message.HTML)) return place
  const offer = h('p', { class: 'offer' }, icon('image'), 'Remote images are not loaded.',
    h('button', {
      type: 'button',
      class: 'link',
      onclick() {
        load(true)
        offer.remove()
      },
    }, 'Load them'))
  return h('div', { class: 'column' }, offer, place)
}

const LINK = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g

function text(message) {
  const all = message.Text ?? ''
  const body = h('div', { class: 'text', dir: 'auto', tabindex: '0' })
  const cut = all.slice(0, TEXT_CHARS_MAX)
  let end = 0
  for (const match of cut.matchAll(LINK)) {
    body.append(cut.slice(end, match.index),
      h('a', { href: match[0], target: '_blank', rel: 'noopener noreferrer' }, match[0]))
    end = match.index + match[0].length
  }
  body.append(cut.slice(end))
  if (all.length > cut.length) body.append('\n\n', note(`The first ${count(cut.length)} of ${count(all.length)} characters.`))
  return all ? body : note('This message has no text.')
}

async function headers(message) {
  const fields = Object.entries(await api.headers(message.ID))
  return h('div', { class: 'scroll', tabindex: '0' }, h('dl', { class: 'fields' },
    fields.flatMap(([name, values]) => [values].flat().map(value =>
      h('div', {}, h('dt', {}, shown(name, 200)), h('dd', {}, shown(value, 10_000)))))))
}

async function source(message) {
  const { text, whole } = await api.source(message.ID, SOURCE_BYTES_MAX)
  return h('div', { class: 'scroll', tabindex: '0' },
    whole ? null : note(`The first ${size(SOURCE_BYTES_MAX)} of ${size(message.Size)}. The download has all of it.`),
    h('pre', { class: 'source' }, text))
}

async function parts(message) {
  const rows = []
  let isCut = false
  const root = await api.structure(message.ID)
  // A stack of its own: the tree may be as deep as its sender liked.
  const waiting = [[root, 0]]
  while (waiting.length > 0 && rows.length < PARTS_MAX) {
    const [part, depth] = waiting.pop()
    rows.push(partRow(message.ID, part, depth))
    isCut ||= part.Truncated
    for (const child of (part.Parts ?? []).toReversed()) waiting.push([child, depth + 1])
  }
  return h('div', { class: 'scroll', tabindex: '0' },
    h('table', { class: 'tree' },
      h('thead', {}, h('tr', {}, ['Part', 'Name', 'Content-ID', 'Size'].map(title => h('th', { scope: 'col' }, title)))),
      h('tbody', {}, rows)),
    isCut || waiting.length > 0 ? note('There are more parts. The source has all of them.') : null)
}

function partRow(id, part, depth) {
  const isLeaf = !part.Parts?.length
  const kind = shown(part.ContentType || 'text/plain', 200)
  const cell = h('td', { class: `depth-${Math.min(depth, INDENT_MAX)}` },
    isLeaf ? h('a', { href: api.url.part(id, part.PartID), download: part.FileName || '' }, kind) : kind,
    part.Disposition ? h('span', { class: 'muted' }, ` ${shown(part.Disposition, 40)}`) : null)
  return h('tr', {}, cell, h('td', {}, h('bdi', {}, shown(part.FileName, 200))),
    h('td', { class: 'mono' }, shown(part.ContentID, 200)), h('td', { class: 'number' }, isLeaf ? size(part.Size) : ''))
}

const SPEAKER = { client: 'C', server: 'S', note: '·' }

async function delivery(message) {
  const envelope = await api.envelope(message.ID)
  const { ReversePath, Parameters, Recipients, Hello, Tls, Login, Client } = envelope
  const facts = [
    ['Return path', `<${ReversePath}>`],
    ['Parameters', Parameters.join(' ')],
    ['Recipients', Recipients.map(({ Address, Parameters }) => [`<${Address}>`, ...Parameters].join(' ')).join('\n')],
    ['Hello', Hello],
    ['TLS', Tls ? [Tls.Protocol, Tls.Cipher, Tls.ServerName && `for ${Tls.ServerName}`].filter(Boolean).join(', ') : 'none'],
    ['Login', Login ?? 'none'],
    ['Client', Client],
  ]
  const lines = envelope.Transcript
  const plain = lines.map(line => `${SPEAKER[line.From]}: ${line.Text}`).join('\n')
  return h('div', { class: 'scroll', tabindex: '0' },
    h('dl', { class: 'fields' }, facts.filter(([, value]) => value).map(([name, value]) =>
      h('div', {}, h('dt', {}, name), h('dd', {}, shown(value, 10_000))))),
    h('div', { class: 'caption' }, h('h3', {}, 'SMTP transcript'),
      lines.length > 0 ? h('button', { type: 'button', class: 'quiet', onclick: () => copy(plain) }, 'Copy') : null),
    lines.length > 0 ? h('ol', { class: 'transcript' }, lines.map(transcriptLine)) : note('None was kept for this message.'))
}

function transcriptLine({ AtMillis, From, Text }) {
  return h('li', { class: From }, h('span', { class: 'at' }, `${count(AtMillis)} ms`),
    h('span', { class: 'speaker', title: From }, SPEAKER[From]), h('span', {}, shown(Text, 2000)))
}

const note = words => h('p', { class: 'note' }, words)


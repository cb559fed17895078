// The page: its parts, and what connects them.

import * as api from './api.js'
import { $, attempt, copy, h, icon, toast } from './dom.js'
import { command, confirm, help, release } from './dialogs.js'
import { openFaults, refreshCount } from './faults.js'
import { count, plural, shown } from './format.js'
import { listen } from './keys.js'
import { List } from './list.js'
import { Mailbox } from './mailbox.js'
import { Reader } from './reader.js'

const TYPING_MS = 120

const mailbox = new Mailbox()
const list = new List($('list'), $('rows'), mailbox, id => go(id))
let about = {}

const reader = new Reader($('reader'), {
  back: () => go(null),
  mark: read => attempt(api.mark)([reader.message.ID], read),
  remove: () => remove(reader.message.ID),
  tag: tags => api.tag(reader.message.ID, tags),
})

// ---- which message is open stands in the address

const opened = () => location.hash.match(/^#\/m\/([^/]+)/)?.[1] ?? null

/** Opens a message, or none. */
function go(id) {
  const hash = id ? `#/m/${id}` : '#/'
  if (location.hash === hash) return
  // On the way from message to message there is one step back to the list.
  if (id && opened()) {
    history.replaceState(null, '', hash)
    follow()
  } else {
    location.hash = hash
  }
}

async function follow() {
  const id = opened()
  document.body.classList.toggle('reading', id !== null)
  if (id === null) return rest()
  list.point(id)
  try {
    await reader.show(id)
  } catch (error) {
    reader.rest(quiet('This message is gone', error.message))
  }
}

function rest() {
  if (!mailbox.loaded) reader.rest()
  else if (mailbox.total === 0) reader.rest(first())
  else reader.rest(quiet('Nothing open', 'Choose a message, or press j.'))
}

const quiet = (title, words) => h('div', { class: 'quiet-place' }, icon('inbox'), h('p', {}, title), h('p', { class: 'muted' }, words))

/** What is said while there is no mail at all: how to send some. */
function first() {
  const address = about.SMTP ?? '127.0.0.1:1025'
  return h('div', { class: 'first' }, icon('inbox'),
    h('h2', {}, 'No mail yet'),
    h('p', { class: 'muted' }, 'Send some to ', h('code', {}, address),
      '. Every recipient is taken and nothing goes any further. It shows up here at once.'),
    command('swaks', `swaks --server ${address} \\\n  --from shop@example.org --to kim@example.org \\\n`
      + "  --header 'Subject: Your code is 123456' --body 'Hello Kim'"),
    command('curl', `printf 'Subject: Your code is 123456\\r\\n\\r\\nHello Kim\\r\\n' |\n`
      + `  curl --mail-from shop@example.org --mail-rcpt kim@example.org \\\n  --upload-file - smtp://${address}`))
}

// ---- what is done to messages

async function remove(id) {
  if (!id) return
  const next = list.neighbour(id)
  await attempt(api.remove)([id])
  if (opened() === id) go(next?.ID ?? null)
  else if (next) list.point(next.ID)
}

const current = () => opened() ?? list.cursor

function step(by) {
  const item = list.move(by)
  if (item && opened()) go(item.ID)
}

const actions = {
  next: () => step(1),
  previous: () => step(-1),
  open: () => list.cursor && go(list.cursor),
  mark: () => {
    const item = mailbox.find(current()) ?? reader.message
    if (item) attempt(api.mark)([item.ID], !(item.Read ?? true))
  },
  remove: () => remove(current()),
  view: key => reader.choose(Number(key)),
  search: () => {
    $('search').focus()
    $('search').select()
  },
  faults: openFaults,
  help,
  leave: () => {
    if (document.activeElement === $('search')) {
      if ($('search').value) search('')
      else $('search').blur()
    } else if (opened()) go(null)
    else if (mailbox.query) search('')
    list.focus()
  },
}

// ---- search

let typing
function search(query) {
  clearTimeout(typing)
  $('search').value = query
  list.top()
  return attempt(() => mailbox.search(query.trim()))()
}

$('search').addEventListener('input', () => {
  clearTimeout(typing)
  typing = setTimeout(() => search($('search').value), TYPING_MS)
})
document.querySelector('.search').addEventListener('submit', event => {
  event.preventDefault()
  search($('search').value)
  list.focus()
})

// ---- what stands around the list

function frame() {
  const { query, items, total, unread, tags, loaded } = mailbox
  document.body.classList.toggle('loaded', loaded)
  document.body.classList.toggle('empty', loaded && total === 0)
  document.title = unread > 0 ? `(${count(unread)}) Inbox` : 'Inbox'
  $('tally').textContent = !loaded ? '' : query
    ? `${count(items.length)} of ${plural(total, 'message')}`
    : total === 0 ? 'No messages' : plural(total, 'message') + (unread > 0 ? `, ${count(unread)} unread` : '')
  $('read-all').disabled = unread === 0
  $('delete-all').disabled = items.length === 0
  $('delete-all').textContent = query ? 'Delete these' : 'Delete all'
  $('no-match').hidden = !(loaded && query && items.length === 0)
  $('live').classList.toggle('on', mailbox.live)
  $('live').title = mailbox.live ? 'Live' : 'Not connected'
  showTags(tags, query)
  const open = reader.message && mailbox.find(reader.message.ID)
  if (open && (open.Read !== reader.message.Read || String(open.Tags) !== String(reader.message.Tags))) reader.update(open)
}

let tagsShown = ''
function showTags(tags, query) {
  const now = JSON.stringify([tags, query])
  if (now === tagsShown) return
  tagsShown = now
  $('tags').hidden = tags.length === 0
  $('tags').replaceChildren(...tags.slice(0, 30).map(tag => {
    const words = /\s/.test(tag) ? `tag:"${tag}"` : `tag:${tag}`
    const isOn = query === words
    return h('button', { type: 'button', class: 'tag', 'aria-pressed': String(isOn), onclick: () => search(isOn ? '' : words) }, shown(tag, 40))
  }))
}

const THEMES = ['auto', 'light', 'dark']

function theme(name) {
  if (name === 'auto') {
    delete document.documentElement.dataset.theme
    localStorage.removeItem('theme')
  } else {
    document.documentElement.dataset.theme = name
    localStorage.setItem('theme', name)
  }
  const next = THEMES[(THEMES.indexOf(name) + 1) % THEMES.length]
  const button = $('theme')
  button.replaceChildren(icon(name))
  button.title = `Theme: ${name}`
  button.setAttribute('aria-label', `Theme: ${name}. Switch to ${next}`)
  button.onclick = () => theme(next)
}

async function learn() {
  about = await api.info()
  if (about.Relay) reader.releases(message => release(message, about.Relay))
  $('address-text').textContent = about.SMTP ?? ''
  $('address').hidden = !about.SMTP
  if (opened() === null) rest()
}

mailbox.addEventListener('change', frame)
mailbox.addEventListener('faults', attempt(refreshCount))
let wasEmpty
mailbox.addEventListener('change', () => {
  const isEmpty = mailbox.loaded && mailbox.total === 0
  if (isEmpty !== wasEmpty && opened() === null) rest()
  wasEmpty = isEmpty
})
window.addEventListener('hashchange', follow)
$('address').addEventListener('click', () => copy($('address-text').textContent))
$('open-faults').addEventListener('click', openFaults)
$('open-help').addEventListener('click', help)
$('read-all').addEventListener('click', () => attempt(api.markAll)(mailbox.query))
$('delete-all').addEventListener('click', () => {
  const all = mailbox.items.length
  const which = mailbox.query ? `Delete the ${plural(all, 'message')} found?` : `Delete all ${plural(all, 'message')}?`
  confirm(which, 'Delete', () => api.removeAll(mailbox.query).then(() => toast('Deleted')))
})
// Whoever clicked into a message would find that no key works: outside of it, the page takes the keys back.
document.addEventListener('pointermove', () => {
  if (document.activeElement?.tagName === 'IFRAME') $('reader').focus({ preventScroll: true })
})

theme(document.documentElement.dataset.theme ?? 'auto')
listen(actions)
attempt(() => mailbox.search(''))()
mailbox.follow()
follow()
attempt(learn)()
attempt(refreshCount)()

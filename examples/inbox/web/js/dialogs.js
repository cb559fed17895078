// Dialogs: they close with Escape, with their button, and by a click beside them.

import * as api from './api.js'
import { attempt, copy, h, icon, iconButton, toast } from './dom.js'
import { KEYS } from './keys.js'

/** Shows a dialog with a heading; gives it. */
export function open(title, className, ...content) {
  const dialog = h('dialog', { class: className, 'aria-labelledby': 'dialog-title', tabindex: '-1' },
    h('div', { class: 'dialog-head' }, h('h2', { id: 'dialog-title' }, title),
      iconButton('close', 'Close (Esc)', () => dialog.close())),
    content)
  dialog.addEventListener('close', () => dialog.remove())
  dialog.addEventListener('pointerdown', event => { if (event.target === dialog) dialog.close() })
  document.body.append(dialog)
  dialog.showModal()
  dialog.focus()
  return dialog
}

/** Asks before something is done that cannot be undone. */
export function confirm(question, verb, act) {
  const dialog = open(question, 'small', h('div', { class: 'dialog-foot' },
    h('button', { type: 'button', class: 'plain', onclick: () => dialog.close() }, 'Cancel'),
    h('button', {
      type: 'button',
      class: 'danger',
      onclick: attempt(async () => {
        dialog.close()
        await act()
      }),
    }, verb)))
  dialog.querySelector('.danger').focus()
}

export function release(message, relay) {
  const to = [...(message.To ?? []), ...(message.Cc ?? [])].map(person => person.Address).join(', ')
  const field = h('input', { id: 'release-to', type: 'text', value: to, autocomplete: 'off', spellcheck: 'false', required: true })
  const problem = h('p', { class: 'problem', role: 'alert' })
  const submit = async event => {
    event.preventDefault()
    try {
      await api.release(message.ID, field.value.split(/[\s,;]+/).filter(Boolean))
      dialog.close()
      toast('Released')
    } catch (error) {
      problem.textContent = error.message
    }
  }
  const dialog = open('Release to a real server', 'small', h('form', { onsubmit: submit },
    h('p', { class: 'muted' }, relay ? `By way of ${relay}. These people get real mail.` : 'These people get real mail.'),
    h('label', { for: 'release-to' }, 'Recipients'), field, problem,
    h('div', { class: 'dialog-foot' },
      h('button', { type: 'button', class: 'plain', onclick: () => dialog.close() }, 'Cancel'),
      h('button', { type: 'submit', class: 'primary' }, 'Release'))))
  field.focus()
}

const SEARCHES = [
  ['welcome code', 'both words, anywhere'],
  ['"your code is"', 'a phrase'],
  ['from:ann to:kim@example.org', 'who sent it, who got it; also cc:'],
  ['subject:welcome body:token', 'where the words are'],
  ['has:attachment is:unread', 'also is:read'],
  ['after:2026-01-31 before:2026-02-28', 'when it came'],
  ['tag:signup message-id:abc', 'what it is tagged with, its Message-ID'],
  ['-from:robot', 'a minus in front: not these'],
]

export function help() {
  open('Keys and searches', 'wide',
    h('dl', { class: 'keys' }, KEYS.map(({ label, does }) =>
      h('div', {}, h('dt', {}, label.split(' ').map(key => h('kbd', {}, key))), h('dd', {}, does)))),
    h('h3', {}, 'Search'),
    h('dl', { class: 'searches' }, SEARCHES.map(([words, meaning]) =>
      h('div', {}, h('dt', {}, h('code', {}, words)), h('dd', {}, meaning)))))
}

/** A command to copy. */
export function command(name, line) {
  return h('div', { class: 'command' }, h('div', { class: 'command-head' }, h('span', {}, name),
    h('button', { type: 'button', class: 'quiet', 'aria-label': `Copy the ${name} command`, onclick: () => copy(line) }, icon('copy'), 'Copy')),
  h('pre', { tabindex: '0' }, line))
}

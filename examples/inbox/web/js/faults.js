// Faults: what the server does wrong on purpose. The form only writes the text; the text is the rule.

import * as api from './api.js'
import { $, h, iconButton } from './dom.js'
import { plural, shown } from './format.js'
import { open } from './dialogs.js'

const PLACES = ['connect', 'hello', 'starttls', 'tls-handshake', 'auth', 'mail', 'rcpt', 'data', 'content', 'end-of-data',
  'rset', 'noop', 'quit', 'vrfy', 'any']

/** What can happen, how it is written, and an example of its value if it takes one. */
const EFFECTS = [
  { title: 'answer', write: value => `reply="${value.replace(/["\\]/g, '')}"`, example: '451 4.3.2 try later' },
  { title: 'wait', write: value => `delay=${value}`, example: '2s' },
  { title: 'write slowly (octets a second)', write: value => `throttle=${value}`, example: '10' },
  { title: 'write only some octets', write: value => `truncate=${value}`, example: '7' },
  { title: 'write garbage', write: value => `garbage="${value.replace(/"/g, '\\"')}"`, example: '\\xff\\r\\n' },
  { title: 'stop reading (content)', write: value => `stall=${value}`, example: '5s' },
  { title: 'fail (tls-handshake)', write: () => 'fail' },
  { title: 'close', write: () => 'close' },
  { title: 'half-close', write: () => 'half-close' },
  { title: 'reset', write: () => 'reset' },
]

const EXAMPLES = [
  ['rcpt nth=1 reply="451 4.2.1 greylisted, try later"', 'The first recipient is put off'],
  ['connect times=1 reply="421 4.3.2 busy"', 'The next connection is turned away'],
  ['end-of-data times=1 reset', 'The next message is cut off before its 250'],
  ['data delay=5s', 'Five seconds before each 354'],
]

const OFF = 'faults-off'

/** Rules that were switched off here, to be switched on again. */
const parked = () => JSON.parse(sessionStorage.getItem(OFF) ?? '[]')
const park = rules => sessionStorage.setItem(OFF, JSON.stringify(rules))

export async function refreshCount() {
  const rules = await api.faults()
  const badge = $('fault-count')
  badge.textContent = rules.length
  badge.hidden = rules.length === 0
  return rules
}

export function openFaults() {
  const list = h('ul', { class: 'rules' })
  const toggle = h('button', { type: 'button', role: 'switch', class: 'switch', 'aria-label': 'Faults are on', 'aria-checked': 'true' })
  const problem = h('p', { class: 'problem', role: 'alert' })
  const told = act => async (...given) => {
    problem.textContent = ''
    try {
      await act(...given)
    } catch (error) {
      problem.textContent = error.message
    }
    await render()
  }
  const add = told(rule => api.addFault(rule))
  const render = async () => {
    const rules = await refreshCount()
    const off = parked()
    toggle.setAttribute('aria-checked', String(off.length === 0))
    toggle.disabled = rules.length + off.length === 0
    list.replaceChildren(
      ...rules.map(rule => ruleRow(rule, told(() => api.removeFault(rule.ID)))),
      ...off.map((rule, index) => parkedRow(rule, told(() => park(off.toSpliced(index, 1))))))
    if (rules.length + off.length === 0) list.append(h('li', { class: 'note' }, 'No faults: all mail is taken.'))
  }
  toggle.addEventListener('click', told(async () => {
    const off = parked()
    if (off.length > 0) {
      park([])
      for (const rule of off) await api.addFault(rule)
    } else {
      park((await api.faults()).map(rule => rule.Rule))
      await api.removeFaults()
    }
  }))
  open('Faults', 'drawer',
    h('p', { class: 'muted' }, 'The server fails as these rules say, in this order, so that you see what your program does then.'),
    h('div', { class: 'caption' }, h('h3', {}, 'Rules'), toggle),
    list, form(add, problem),
    h('h3', {}, 'To begin with'),
    h('ul', { class: 'examples' }, EXAMPLES.map(([rule, meaning]) => h('li', {},
      h('button', { type: 'button', onclick: () => add(rule) }, h('code', {}, rule), h('span', { class: 'muted' }, meaning))))))
  render()
}

function ruleRow({ Rule, Hits }, remove) {
  return h('li', {}, h('code', {}, shown(Rule)),
    h('span', { class: Hits > 0 ? 'hits hit' : 'hits' }, Hits > 0 ? plural(Hits, 'hit') : 'no hit yet'),
    iconButton('trash', 'Remove this rule', remove))
}

function parkedRow(rule, remove) {
  return h('li', { class: 'off' }, h('code', {}, shown(rule)), h('span', { class: 'hits' }, 'off'),
    iconButton('trash', 'Remove this rule', remove))
}

function form(add, problem) {
  const text = h('input', { id: 'fault-text', class: 'mono', type: 'text', autocomplete: 'off', spellcheck: 'false', required: true })
  const choice = (id, options) => h('select', { id }, options.map(option => h('option', { value: option }, option)))
  const field = (id, title, input) => h('div', { class: 'field' }, h('label', { for: id }, title), input)
  const input = (id, placeholder, more) => h('input', { id, type: 'text', placeholder, autocomplete: 'off', ...more })
  const place = choice('fault-place', PLACES)
  const nth = input('fault-nth', 'each', { inputmode: 'numeric' })
  const times = input('fault-times', 'always', { inputmode: 'numeric' })
  const to = input('fault-to', 'any recipient', { spellcheck: 'false' })
  const effect = choice('fault-effect', EFFECTS.map(one => one.title))
  const value = input('fault-value', '', { spellcheck: 'false' })
  place.value = 'rcpt'
  const write = () => {
    const { write, example } = EFFECTS.find(one => one.title === effect.value)
    value.disabled = !example
    value.placeholder = example ?? ''
    text.value = [place.value, nth.value && `nth=${nth.value}`, times.value && `times=${times.value}`,
      to.value && `to=${to.value}`, write(value.value || example || '')]
      .filter(Boolean).join(' ')
  }
  for (const one of [place, nth, times, to, effect, value]) one.addEventListener('input', write)
  write()
  const submit = event => {
    event.preventDefault()
    add(text.value)
  }
  return h('form', { class: 'fault-form', onsubmit: submit },
    h('div', { class: 'grid' },
      field('fault-place', 'At', place), field('fault-nth', 'Which one', nth), field('fault-times', 'How often', times),
      field('fault-to', 'For', to), field('fault-effect', 'Do', effect), field('fault-value', 'With', value)),
    h('div', { class: 'field' }, h('label', { for: 'fault-text' }, 'Rule'),
      h('div', { class: 'joined' }, text, h('button', { type: 'submit', class: 'primary' }, 'Add'))),
    problem)
}

// Values as people read them.

import { h } from './dom.js'

const number = new Intl.NumberFormat('en')
const decimal = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })
const year = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

export const count = value => number.format(value)
export const plural = (value, one, many = one + 's') => `${count(value)} ${value === 1 ? one : many}`

export function size(octets) {
  if (octets < 1000) return `${octets} B`
  if (octets < 1e6) return `${decimal.format(octets / 1e3)} kB`
  return `${decimal.format(octets / 1e6)} MB`
}

/** As short as the age of a message allows. */
export function when(text) {
  const date = new Date(text)
  if (isNaN(date)) return ''
  const now = new Date()
  if (date.toDateString() === now.toDateString()) return time.format(date)
  return (date.getFullYear() === now.getFullYear() ? day : year).format(date)
}

export function exactly(text) {
  const date = new Date(text)
  return isNaN(date) ? '' : exact.format(date)
}

/** How a person is called in a list. */
export const called = person => shown(person?.Name || person?.Address || 'nobody')

/** A person in full, as an element. */
export function person({ Name: name, Address: address }) {
  return h('bdi', { class: 'person' }, name ? [h('span', {}, shown(name)), ' '] : null,
    h('span', { class: name ? 'muted' : '' }, name ? `<${shown(address)}>` : shown(address)))
}

// What turns the direction of text around makes exe.fdp of pdf.exe; here it is told, not obeyed.
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** Text of a stranger on one line, cut to a length that no layout fears. */
export function shown(text, length = 1000) {
  const cut = (text ?? '').slice(0, length)
    .replace(TURNS, turn => `[U+${turn.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}]`)
    .replace(CONTROLS, '\ufffd')
  return text?.length > length ? cut + '…' : cut
}

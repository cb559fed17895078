// The list: rows only for what is visible, however many messages there are.

import { h, icon } from './dom.js'
import { called, shown, when } from './format.js'

const OVERSCAN = 8

export class List {
  #box
  #rows
  #mailbox
  #open
  #height
  #elements = new Map()
  #planned = false
  /** The ID of the message that the keys act on, and where it was seen last. */
  cursor = null
  #place = 0

  constructor(box, rows, mailbox, open) {
    this.#box = box
    this.#rows = rows
    this.#mailbox = mailbox
    this.#open = open
    box.addEventListener('scroll', () => this.#plan(), { passive: true })
    new ResizeObserver(() => this.#plan()).observe(box)
    rows.addEventListener('click', event => {
      const row = event.target.closest('.row')
      if (row?.dataset.id) this.open(row.dataset.id)
    })
    // Somebody who comes here by Tab has to see where he is.
    box.addEventListener('focus', () => { if (this.cursor === null && mailbox.items[0]) this.point(mailbox.items[0].ID) })
    mailbox.addEventListener('change', () => this.#plan())
    mailbox.addEventListener('inserted', event => this.#stay(event.detail))
  }

  open(id) {
    this.point(id)
    this.#open(id)
  }

  /** Makes a message the one that keys act on. */
  point(id) {
    this.cursor = id
    const place = this.#mailbox.indexOf(id)
    if (place >= 0) this.#place = place
    this.#plan()
  }

  /** Moves up or down; gives the message, if there is one. */
  move(by) {
    const { items } = this.#mailbox
    if (items.length === 0) return null
    const here = this.#mailbox.indexOf(this.cursor)
    // The message is gone: the one that took its place is next.
    const start = here >= 0 ? here + by : this.cursor === null ? 0 : this.#place
    this.#place = Math.max(0, Math.min(items.length - 1, start))
    this.#reveal(this.#place)
    const item = items[this.#place]
    if (item) this.point(item.ID)
    else this.#mailbox.want(this.#place, this.#place)
    return item ?? null
  }

  /** The message that comes into the place of one that goes. */
  neighbour(id) {
    const here = this.#mailbox.indexOf(id)
    const { items } = this.#mailbox
    return here < 0 ? null : items[here + 1] ?? items[here - 1] ?? null
  }

  top() {
    this.#box.scrollTop = 0
  }

  focus() {
    this.#box.focus({ preventScroll: true })
  }

  #plan() {
    if (this.#planned) return
    this.#planned = true
    requestAnimationFrame(() => {
      this.#planned = false
      this.#render()
    })
  }

  /** What is being read does not move because something came in above it. */
  #stay(rows) {
    if (this.#box.scrollTop > 0) {
      this.#rows.style.height = `${this.#mailbox.items.length * this.#rowHeight()}px`
      this.#box.scrollTop += rows * this.#rowHeight()
    }
  }

  #reveal(index) {
    const height = this.#rowHeight()
    const { scrollTop, clientHeight } = this.#box
    if (index * height < scrollTop) this.#box.scrollTop = index * height
    else if ((index + 1) * height > scrollTop + clientHeight) this.#box.scrollTop = (index + 1) * height - clientHeight
  }

  #rowHeight() {
    this.#height ??= parseFloat(getComputedStyle(this.#box).getPropertyValue('--row'))
    return this.#height
  }

  #render() {
    const { items } = this.#mailbox
    const height = this.#rowHeight()
    const first = Math.max(0, Math.floor(this.#box.scrollTop / height) - OVERSCAN)
    const last = Math.min(items.length - 1, Math.ceil((this.#box.scrollTop + this.#box.clientHeight) / height) + OVERSCAN)
    this.#rows.style.height = `${items.length * height}px`
    for (const [index, element] of this.#elements) {
      if (index < first || index > last) {
        element.remove()
        this.#elements.delete(index)
      }
    }
    for (let index = first; index <= last; index++) this.#put(index, height)
    if (last >= first) this.#mailbox.want(first, last)
    const here = this.#mailbox.indexOf(this.cursor)
    if (here >= 0) this.#place = here
    if (this.#elements.has(here)) this.#box.setAttribute('aria-activedescendant', `m-${this.cursor}`)
    else this.#box.removeAttribute('aria-activedescendant')
  }

  #put(index, height) {
    const item = this.#mailbox.items[index]
    let element = this.#elements.get(index)
    if (!element || element.item !== item) {
      const fresh = item ? row(item) : h('div', { class: 'row hollow', role: 'option', 'aria-selected': 'false' }, 'Loading')
      fresh.item = item
      if (element) element.replaceWith(fresh)
      else this.#rows.append(fresh)
      this.#elements.set(index, fresh)
      element = fresh
    }
    element.style.transform = `translateY(${index * height}px)`
    element.setAttribute('aria-posinset', index + 1)
    element.setAttribute('aria-setsize', this.#mailbox.items.length)
    element.setAttribute('aria-selected', String(item !== undefined && item.ID === this.cursor))
  }
}

function row(item) {
  const to = [...(item.To ?? []), ...(item.Cc ?? []), ...(item.Bcc ?? [])]
  const others = to.length > 1 ? ` +${to.length - 1}` : ''
  return h('div', { class: item.Read ? 'row' : 'row unread', role: 'option', id: `m-${item.ID}`, 'data-id': item.ID },
    h('div', { class: 'line' },
      item.Read ? null : h('span', { class: 'hidden' }, 'Unread. '),
      h('bdi', { class: 'from' }, called(item.From)),
      h('bdi', { class: 'to' }, to.length > 0 ? `→ ${shown(to[0].Address || to[0].Name, 200)}${others}` : ''),
      h('time', { datetime: item.Created }, when(item.Created))),
    h('div', { class: 'line' },
      h('bdi', { class: 'subject' }, shown(item.Subject, 300) || '(no subject)'),
      h('bdi', { class: 'snippet' }, shown(item.Snippet, 300)),
      h('span', { class: 'marks' },
        (item.Tags ?? []).slice(0, 2).map(tag => h('span', { class: 'tag' }, shown(tag, 40))),
        item.Attachments > 0 ? [h('span', { class: 'hidden' }, 'Has attachments'), icon('clip')] : null)))
}

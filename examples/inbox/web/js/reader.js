// One message: who, what, when, and a way to look at it.

import * as api from './api.js'
import { attachments } from './attachments.js'
import { attempt, h, icon, iconButton } from './dom.js'
import { exactly, person, shown, size } from './format.js'
import { VIEWS } from './views.js'

const PEOPLE_SHOWN_MAX = 12

export class Reader {
  #place
  #actions
  /** The message that is shown. */
  message = null
  // The view that was chosen last is kept from message to message.
  #chosen = null
  #turn = 0

  /** `actions`: back, mark, remove, tag. */
  constructor(place, actions) {
    this.#place = place
    this.#actions = actions
  }

  /** From now on a message can be released. */
  releases(release) {
    this.#actions.release = release
    if (this.message) this.update(this.message)
  }

  /** Shows a message; false if another one was asked for meanwhile. */
  async show(id, view) {
    const turn = ++this.#turn
    if (view) this.#chosen = view
    const message = await api.message(id)
    if (turn !== this.#turn) return false
    this.message = message
    this.#place.replaceChildren(this.#head(message), ...this.#body(message))
    return true
  }

  /** Shows nothing but what stands in `content`. */
  rest(...content) {
    this.#turn++
    this.message = null
    this.#place.replaceChildren(...content)
  }

  /** Chooses a view by its number. */
  choose(number) {
    const tab = this.#place.querySelectorAll('[role=tab]')[number - 1]
    if (tab && !tab.disabled) tab.click()
  }

  /** The message was marked or tagged. */
  update({ Read, Tags }) {
    Object.assign(this.message, { Read, Tags })
    this.#place.querySelector('.actions')?.replaceWith(this.#buttons(this.message))
    // Not while somebody writes one.
    const tags = this.#place.querySelector('.tags')
    if (tags && !tags.contains(document.activeElement)) tags.replaceWith(this.#tags(this.message))
  }

  #head(message) {
    const people = [['From', message.From ? [message.From] : []], ['To', message.To], ['Cc', message.Cc], ['Bcc', message.Bcc],
      ['Reply to', message.ReplyTo]]
    return h('header', { class: 'head' },
      h('div', { class: 'title' },
        iconButton('back', 'Back to the list (Esc)', this.#actions.back),
        h('h2', {}, h('bdi', {}, shown(message.Subject) || '(no subject)')),
        this.#buttons(message)),
      h('dl', { class: 'people' },
        people.filter(([, list]) => list?.length > 0).map(([name, list]) =>
          h('div', {}, h('dt', {}, name), h('dd', {}, crowd(list)))),
        h('div', {}, h('dt', {}, 'Date'), h('dd', {},
          h('time', { datetime: message.Date }, exactly(message.Date)),
          h('span', { class: 'muted' }, ` · ${size(message.Size)}`))),
        h('div', {}, h('dt', {}, 'Tags'), this.#tags(message))),
      attachments(message))
  }

  #buttons(message) {
    const { mark, remove, release } = this.#actions
    return h('div', { class: 'actions' },
      message.Read === false
        ? iconButton('read', 'Mark read (u)', () => mark(true))
        : iconButton('unread', 'Mark unread (u)', () => mark(false)),
      release && iconButton('release', 'Release to a real server', () => release(message)),
      h('a', { class: 'tool', href: api.url.raw(message.ID), download: `${message.ID}.eml`, title: 'Download', 'aria-label': 'Download' },
        icon('download')),
      iconButton('trash', 'Delete (d)', remove))
  }

  #tags(message) {
    const tags = message.Tags ?? []
    const save = attempt(next => this.#actions.tag(next))
    const field = h('input', {
      class: 'add-tag', type: 'text', placeholder: 'Add a tag', 'aria-label': 'Add a tag', maxlength: 100, autocomplete: 'off',
      onkeydown: event => {
        if (event.key === 'Enter' && field.value.trim()) {
          save([...tags, field.value.trim()])
          field.blur()
        }
      },
    })
    return h('dd', { class: 'tags' },
      tags.map(tag => h('span', { class: 'tag' }, h('span', {}, shown(tag, 100)),
        h('button', { type: 'button', 'aria-label': `Remove the tag ${tag}`, onclick: () => save(tags.filter(other => other !== tag)) },
          icon('close')))),
      field)
  }

  #body(message) {
    const views = VIEWS.map(view => ({ ...view, able: view.has(message) }))
    const start = views.find(view => view.able && view.name === this.#chosen) ?? views.find(view => view.able)
    const panel = h('div', { class: 'view', role: 'tabpanel', id: 'view' })
    const tabs = views.map(view => h('button', {
      type: 'button', role: 'tab', id: `tab-${view.name}`, 'aria-controls': 'view', disabled: !view.able,
      onclick: () => {
        this.#chosen = view.name
        select(view)
      },
    }, view.title))
    let turn = 0
    const select = attempt(async view => {
      const own = ++turn
      for (const tab of tabs) {
        const isIt = tab.id === `tab-${view.name}`
        tab.setAttribute('aria-selected', String(isIt))
        tab.tabIndex = isIt ? 0 : -1
      }
      panel.setAttribute('aria-labelledby', `tab-${view.name}`)
      const content = await view.show(message)
      if (own !== turn) return
      panel.replaceChildren(content)
      panel.dataset.view = view.name
    })
    select(start)
    const list = h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Views', onkeydown: event => walk(event, tabs) }, tabs)
    return [list, panel]
  }
}

/** Arrows go from tab to tab. */
function walk(event, tabs) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
  if (!step) return
  event.preventDefault()
  const able = tabs.filter(tab => !tab.disabled)
  const next = able[(able.indexOf(event.target) + step + able.length) % able.length]
  next.focus()
  next.click()
}

function crowd(people) {
  const rest = people.length - PEOPLE_SHOWN_MAX
  const shownOnes = people.slice(0, PEOPLE_SHOWN_MAX).flatMap((one, index) => index > 0 ? [', ', person(one)] : [person(one)])
  return [...shownOnes, rest > 0 && h('span', { class: 'muted' }, ` and ${rest} more`)]
}

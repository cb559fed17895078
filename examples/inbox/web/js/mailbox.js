// What the page knows of the messages that match the search: a window onto a list that the program holds.

import * as api from './api.js'

const CHUNK = 100
// More at once than a list can show: it is asked for anew.
const BURST = 100
const PATIENCE_MS = 150

/** Fires `change` whenever what it says may be different. */
export class Mailbox extends EventTarget {
  query = ''
  /** Newest first, as long as there are matches; holes are not loaded yet. */
  items = []
  total = 0
  unread = 0
  tags = []
  loaded = false
  live = false

  #window = [0, 0]
  // Grows with whatever moves items, so that an answer from before is known.
  #epoch = 0
  #asked = new Set()
  #arrived = []
  #timer = null
  // How many lists were asked for, and which of them came or failed last.
  #loads = 0
  #answered = 0

  /** Shows what matches `query`, from the top. */
  async search(query) {
    this.query = query
    this.#window = [0, 0]
    await this.reload()
  }

  /** Asks for what is visible and for the counts. */
  async reload() {
    const load = ++this.#loads
    const chunks = new Set([0, chunkOf(this.#window[0]), chunkOf(this.#window[1])])
    this.#arrived = []
    let answers
    try {
      answers = await Promise.all([...chunks].map(async chunk =>
        [chunk, await api.list(this.query, chunk * CHUNK, CHUNK)]))
    } finally {
      this.#answered = Math.max(this.#answered, load)
    }
    if (load !== this.#loads) return
    this.#epoch++
    this.#asked.clear()
    this.items = []
    for (const [chunk, answer] of answers) this.#take(chunk, answer)
    // What came while the list was on its way stands in it, or not.
    const known = new Set(answers[0][1].messages.map(message => message.ID))
    this.#arrived = this.#arrived.filter(message => !known.has(message.ID))
    this.loaded = true
    if (this.#arrived.length > 0) this.#settle()
    this.#changed()
  }

  /** Sees to it that these are loaded soon. */
  want(first, last) {
    this.#window = [first, last]
    for (let chunk = chunkOf(first); chunk <= chunkOf(last); chunk++) {
      if (!this.#asked.has(chunk) && this.#lacks(chunk)) this.#fetch(chunk)
    }
  }

  indexOf(id) {
    return this.items.findIndex(item => item?.ID === id)
  }

  find(id) {
    return this.items.find(item => item?.ID === id)
  }

  /** Follows what happens to the messages, until the page is closed. */
  follow() {
    const events = new EventSource(api.url.events)
    let wasLost = false
    events.onopen = () => {
      this.live = true
      // Who knows what happened meanwhile.
      if (wasLost) this.reload().catch(() => {})
      this.#changed()
    }
    events.onerror = () => {
      wasLost = true
      this.live = false
      this.#changed()
    }
    const on = (name, act) => events.addEventListener(name, event => act(JSON.parse(event.data || '{}')))
    on('message', message => this.#arrive(message))
    on('changed', change => this.#mark(change))
    on('deleted', ({ IDs, All }) => All ? this.#soon() : this.#drop(IDs))
    on('reload', () => this.#soon())
    on('faults', () => this.dispatchEvent(new Event('faults')))
  }

  #arrive(message) {
    this.#arrived.push(message)
    if (this.#timer === null) this.#timer = setTimeout(() => this.#settle(), PATIENCE_MS / 3)
  }

  #soon() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.reload().catch(() => {})
    }, PATIENCE_MS)
  }

  #settle() {
    this.#timer = null
    // A list that is on its way will tell which of them are new to it.
    if (this.#isLoading) return
    if (this.query || this.#arrived.length > BURST) {
      this.#soon()
      return
    }
    this.#add(this.#arrived.splice(0))
    this.#changed()
  }

  /** Oldest first. */
  #add(messages) {
    if (messages.length === 0) return
    this.#epoch++
    this.#asked.clear()
    this.items.unshift(...messages.toReversed())
    this.total += messages.length
    this.unread += messages.filter(message => !message.Read).length
    this.dispatchEvent(new CustomEvent('inserted', { detail: messages.length }))
  }

  #mark({ IDs, Read }) {
    // Tags: the list of all of them may be another one, too.
    if (Read === undefined || this.#isLoading) return this.#soon()
    const marked = new Set(IDs)
    this.items.forEach((item, index) => {
      if (!marked.delete(item.ID) || item.Read === Read) return
      this.unread += Read ? -1 : 1
      this.items[index] = { ...item, Read }
    })
    // One that is not loaded counts, too.
    if (marked.size > 0) this.#soon()
    this.#changed()
  }

  #drop(ids) {
    const gone = new Set(ids)
    const places = []
    this.items.forEach((item, index) => { if (gone.has(item.ID)) places.push(index) })
    if (places.length < gone.size || this.#isLoading) return this.#soon()
    this.#epoch++
    this.#asked.clear()
    for (const place of places.toReversed()) {
      const [item] = this.items.splice(place, 1)
      this.total--
      if (!item.Read) this.unread--
    }
    this.#changed()
  }

  async #fetch(chunk) {
    const epoch = this.#epoch
    this.#asked.add(chunk)
    try {
      const answer = await api.list(this.query, chunk * CHUNK, CHUNK)
      // Otherwise the list moved under it; whoever shows it asks again.
      if (epoch === this.#epoch) this.#take(chunk, answer)
    } catch {
      this.#asked.delete(chunk)
      return
    }
    this.#changed()
  }

  #take(chunk, answer) {
    this.total = answer.total
    this.unread = answer.unread
    this.tags = answer.tags ?? []
    this.items.length = answer.messages_count
    answer.messages.forEach((message, offset) => { this.items[chunk * CHUNK + offset] = message })
  }

  /** Whether a list is on its way that may be older than what just happened. */
  get #isLoading() {
    return this.#answered < this.#loads
  }

  #lacks(chunk) {
    const end = Math.min((chunk + 1) * CHUNK, this.items.length)
    for (let index = chunk * CHUNK; index < end; index++) if (!this.items[index]) return true
    return false
  }

  #changed() {
    this.dispatchEvent(new Event('change'))
  }
}

const chunkOf = index => Math.floor(index / CHUNK)

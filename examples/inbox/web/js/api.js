// The program's HTTP interface; what it means stands in /api/v1/openapi.json.

const BASE = '/api/v1'

async function call(method, path, body) {
  const request = { method, credentials: 'same-origin' }
  if (body !== undefined) {
    request.headers = { 'Content-Type': 'application/json' }
    request.body = JSON.stringify(body)
  }
  let answer
  try {
    answer = await fetch(BASE + path, request)
  } catch {
    throw new Error('The inbox does not answer')
  }
  if (!answer.ok) throw new Error(await reason(answer))
  return answer
}

/** The first line of what it says, in whichever form. */
async function reason(answer) {
  const text = await answer.text()
  try {
    const { Error: message, error } = JSON.parse(text)
    if (message || error) return message || error
  } catch { /* no JSON: the text is the reason */ }
  return text.split('\n', 1)[0].slice(0, 300) || `${answer.status} ${answer.statusText}`
}

const json = async (...request) => (await call(...request)).json()
const encoded = encodeURIComponent

export const url = {
  raw: id => `${BASE}/message/${id}/raw`,
  html: (id, images) => `${BASE}/message/${id}/html?images=${images ? 1 : 0}`,
  part: (id, part) => `${BASE}/message/${id}/part/${encoded(part)}`,
  events: `${BASE}/events`,
}

export const info = () => json('GET', '/info')
export const list = (query, start, limit) => json('GET', query
  ? `/search?query=${encoded(query)}&start=${start}&limit=${limit}`
  : `/messages?start=${start}&limit=${limit}`)

export const message = id => json('GET', `/message/${id}`)
export const headers = id => json('GET', `/message/${id}/headers`)
export const structure = id => json('GET', `/message/${id}/structure`)
export const envelope = id => json('GET', `/message/${id}/envelope`)

/** The source up to a length, and whether that is all of it. */
export async function source(id, octetsMax) {
  const answer = await call('GET', `/message/${id}/raw`)
  const reader = answer.body.getReader()
  const pieces = []
  let octets = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return { text: await new Blob(pieces).text(), whole: true }
    const piece = value.subarray(0, octetsMax - octets)
    pieces.push(piece)
    octets += piece.length
    if (piece.length < value.length) {
      reader.cancel()
      return { text: await new Blob(pieces).text(), whole: false }
    }
  }
}

export const mark = (ids, read) => call('PUT', '/messages', { IDs: ids, Read: read })
export const markAll = query => call('PUT', '/messages', query ? { Read: true, Search: query } : { Read: true })
export const remove = ids => call('DELETE', '/messages', { IDs: ids })
export const removeAll = query => query ? call('DELETE', `/search?query=${encoded(query)}`) : call('DELETE', '/messages')
export const tag = (id, tags) => call('PUT', '/tags', { IDs: [id], Tags: tags })
export const release = (id, to) => call('POST', `/message/${id}/release`, { To: to })

export const faults = () => json('GET', '/faults')
export const addFault = rule => call('POST', '/faults', { Rule: rule })
export const removeFault = id => call('DELETE', `/faults/${encoded(id)}`)
export const removeFaults = () => call('DELETE', '/faults')

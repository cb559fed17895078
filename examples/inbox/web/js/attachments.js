// What came with a message: pictures are shown small, all of it is a download.

import { h, icon } from './dom.js'
import { url } from './api.js'
import { plural, shown, size } from './format.js'

const SHOWN_MAX = 24
// What browsers draw without running anything.
const BITMAPS = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp'])
const PREVIEW_BYTES_MAX = 8e6

export function attachments(message) {
  const all = [...(message.Attachments ?? []), ...(message.Inline ?? [])]
  if (all.length === 0) return null
  const rest = all.length - SHOWN_MAX
  return h('ul', { class: 'attachments', 'aria-label': 'Attachments' },
    all.slice(0, SHOWN_MAX).map(part => h('li', {}, attachment(message.ID, part))),
    rest > 0 ? h('li', { class: 'muted' }, `and ${plural(rest, 'more', 'more')}, under Parts`) : null)
}

function attachment(id, part) {
  const name = part.FileName || part.ContentType || 'attachment'
  const isPicture = BITMAPS.has(part.ContentType) && part.Size <= PREVIEW_BYTES_MAX
  return h('a', { class: 'attachment', href: url.part(id, part.PartID), download: part.FileName || '', title: shown(name, 300) },
    isPicture ? h('img', { src: url.part(id, part.PartID), alt: '', loading: 'lazy', decoding: 'async' }) : icon('file'),
    h('span', {}, h('bdi', {}, shown(name, 120)), h('small', {}, size(part.Size))))
}

// The keyboard. Keys act where the page has the focus and nobody is typing.

/** Key names as browsers give them, how they are shown, and what they do. */
export const KEYS = [
  { keys: ['j', 'ArrowDown'], label: 'j ↓', does: 'Next message', action: 'next' },
  { keys: ['k', 'ArrowUp'], label: 'k ↑', does: 'Previous message', action: 'previous' },
  { keys: ['Enter', 'o'], label: 'Enter', does: 'Open', action: 'open' },
  { keys: ['u'], label: 'u', does: 'Mark unread or read', action: 'mark' },
  { keys: ['d', '#', 'Delete'], label: 'd #', does: 'Delete', action: 'remove' },
  { keys: ['1', '2', '3', '4', '5', '6'], label: '1–6', does: 'HTML, text, headers, source, parts, delivery', action: 'view' },
  { keys: ['/'], label: '/', does: 'Search', action: 'search' },
  { keys: ['f'], label: 'f', does: 'Faults', action: 'faults' },
  { keys: ['?'], label: '?', does: 'This help', action: 'help' },
  { keys: ['Escape'], label: 'Esc', does: 'Close, leave, clear the search', action: 'leave' },
]

// These keep their arrows and Enter.
const OWN_KEYS = 'a, button, [role=tab], pre, .scroll, .text'

/** Calls `actions.NAME(key)`. */
export function listen(actions) {
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    if (document.querySelector('dialog[open]')) return
    const typing = event.target.closest('input, textarea, select')
    if (typing && event.key !== 'Escape') return
    const isOwn = event.key.startsWith('Arrow') || event.key === 'Enter'
    if (isOwn && event.target.closest(OWN_KEYS)) return
    const found = KEYS.find(({ keys }) => keys.includes(event.key))
    if (!found) return
    event.preventDefault()
    actions[found.action](event.key)
  })
}

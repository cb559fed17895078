// Elements without markup: text from mail only ever becomes text.

/** `h('p', {class: 'x', onclick}, 'text', child)`; nothing, false and null are left out. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(properties)) {
    if (value === false || value == null) continue
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value)
    else if (key === 'value' || key === 'checked') element[key] = value
    else element.setAttribute(key, value === true ? '' : value)
  }
  element.append(...children.flat().filter(child => child != null && child !== false))
  return element
}

const SVG = 'http://www.w3.org/2000/svg'

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg')
  const use = document.createElementNS(SVG, 'use')
  svg.setAttribute('aria-hidden', 'true')
  use.setAttribute('href', `#i-${name}`)
  svg.append(use)
  return svg
}

/** A button that is an icon; `title` names it, with its key in brackets. */
export function iconButton(name, title, onclick) {
  return h('button', { type: 'button', class: 'tool', title, 'aria-label': title.replace(/ \(.*/, ''), onclick }, icon(name))
}

export const $ = id => document.getElementById(id)

let vanish
/** A line at the bottom, for a while. */
export function toast(text) {
  const line = $('toast')
  line.textContent = text
  line.classList.add('shown')
  clearTimeout(vanish)
  vanish = setTimeout(() => line.classList.remove('shown'), 4000)
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text)
    toast('Copied')
  } catch {
    toast('The browser did not allow copying')
  }
}

/** Runs what was asked for, and says so if it fails. */
export const attempt = action => async (...given) => {
  try {
    return await action(...given)
  } catch (error) {
    toast(error.message)
  }
}

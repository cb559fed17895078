// What a person does with the page, in words of the page.

const PATIENCE_MS = 60_000

export const ROW = '#rows .row:not(.hollow)'

/** Opens the page in a context of its own. Whatever should not happen there ends the test in `problems`. */
export async function visit(browser, http, options = {}) {
  const origin = `http://${http}`
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  context.setDefaultTimeout(PATIENCE_MS)
  const page = await context.newPage()
  const problems = []
  page.problems = problems
  // Chromium asks itself for data: pictures, which is no request of a host.
  const isOwn = url => url.startsWith(`${origin}/`) || url.startsWith('data:')
  context.on('request', request => { if (!isOwn(request.url())) problems.push(`a request to ${request.url()}`) })
  context.on('page', other => { if (other !== page) problems.push(`a window: ${other.url()}`) })
  page.on('dialog', dialog => {
    problems.push(`a dialog: ${dialog.message()}`)
    dialog.dismiss()
  })
  // What the sanitiser overlooked and the frame's policy had to refuse.
  page.on('console', message => {
    if (/Content Security Policy|Blocked script|sandboxed/.test(message.text())) problems.push(`refused: ${message.text()}`)
  })
  page.on('pageerror', error => problems.push(`an error: ${error.message}`))
  page.on('framenavigated', frame => {
    const url = frame.url()
    if (frame === page.mainFrame() ? !url.startsWith(`${origin}/`) : !/\/html\?images=[01]$|^about:blank$/.test(url)) {
      problems.push(`a frame went to ${url}`)
    }
  })
  await page.goto(`${origin}/`)
  await page.waitForSelector('body.loaded')
  return page
}

/** Opens the message of a subject. */
export async function openMessage(page, subject) {
  await page.locator(ROW, { hasText: subject }).first().click()
  await page.locator('.title h2', { hasText: subject }).waitFor()
}

/** Opens a view by its name and gives what it shows. */
export async function view(page, name) {
  await page.click(`#tab-${name}`)
  const panel = page.locator(`.view[data-view="${name}"]`)
  await panel.waitFor()
  return panel
}

/** Opens each view that the message has, by its key. */
export async function everyView(page) {
  const tabs = await page.locator('[role=tab]').evaluateAll(tabs => tabs.map(tab => tab.disabled ? null : tab.id.slice('tab-'.length)))
  for (const [index, name] of tabs.entries()) {
    if (name === null) continue
    await page.keyboard.press(String(index + 1))
    await page.waitForSelector(`.view[data-view="${name}"] > *`)
  }
}

export const subjects = page => page.locator(`${ROW} .subject`).allTextContents()

/** Waits until a condition holds; says which if it does not. */
export async function until(what, holds) {
  const end = Date.now() + PATIENCE_MS
  let last
  do {
    last = await holds()
    if (last === true) return
    await new Promise(resolve => setTimeout(resolve, 20))
  } while (Date.now() < end)
  throw new Error(`${what}: still ${JSON.stringify(last)}`)
}

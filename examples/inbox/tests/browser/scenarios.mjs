// What must work, in this order: each begins with what the one before left in the inbox.

import assert from 'node:assert/strict'
import path from 'node:path'

import { LARGE, corpus, order, plain, send } from './mail.mjs'
import { ROW, everyView, openMessage, subjects, until, view, visit } from './page.mjs'

const HOSTILE = path.join(import.meta.dirname, '..', 'hostile')
const PHONE = { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }
const MANY = 10_000

export const SCENARIOS = {
  'an empty inbox says how to fill it': async ({ browser, http, smtp, axe, shot }) => {
    const page = await visit(browser, http)
    await until('the command names the address', async () =>
      (await page.locator('.command pre').first().textContent()).includes(`--server ${smtp} `))
    await accessible(page, axe)
    await shot(page, 'empty-light')
    await page.emulateMedia({ colorScheme: 'dark' })
    await accessible(page, axe)
    await shot(page, 'empty-dark')
    assert.deepEqual(page.problems, [])
  },

  'mail appears as it arrives': async ({ browser, http, smtp, shot }) => {
    const page = await visit(browser, http)
    await page.waitForSelector('#live.on')
    await send(smtp, [order(10482)])
    await page.waitForSelector(`${ROW}.unread`)
    assert.deepEqual(await subjects(page), ['Your order 10482 is on its way'])
    assert.equal(await page.title(), '(1) Inbox')
    await send(smtp, [plain('Your code is 481 203', 'It is valid for ten minutes: 481 203.'), plain('Welcome', 'Nice to see you.')],
      { to: ['lee@example.org', 'pat@example.org'] })
    await until('newest first', async () => (await subjects(page)).join() === 'Welcome,Your code is 481 203,Your order 10482 is on its way' || subjects(page))
    assert.equal(await page.textContent('#tally'), '3 messages, 3 unread')
    await shot(page, 'list-light')
    assert.deepEqual(page.problems, [])
  },

  'a message in each of its views': async ({ browser, http, axe, shot }) => {
    const page = await visit(browser, http)
    await openMessage(page, '10482')
    const frame = page.frameLocator('.paper iframe')
    await frame.getByText('On its way, Kim').waitFor()
    assert.equal(await frame.locator('.top').evaluate(top => getComputedStyle(top).backgroundColor), 'rgb(74, 47, 35)')
    await until('the picture within', () => frame.locator('img').first().evaluate(img => img.naturalWidth === 56))
    assert.equal(await page.locator('.paper iframe').getAttribute('sandbox'), 'allow-popups allow-popups-to-escape-sandbox')
    assert.deepEqual(await page.locator('.attachment bdi').allTextContents(), ['invoice-10482.pdf', 'logo.png'])
    await until('read', async () => await page.title() === '(2) Inbox')
    await accessible(page, axe)
    await shot(page, 'message-light')
    for (const [name, expected] of [
      ['text', 'left our roastery this morning'], ['headers', 'Meridian Coffee'], ['source', 'Content-Type: multipart/alternative; boundary="a"'],
      ['parts', 'logo@meridian.example'], ['delivery', 'MAIL FROM:<shop@example.org>']]) {
      const panel = await view(page, name)
      await panel.getByText(expected).first().waitFor()
      await accessible(page, axe)
      await shot(page, `message-${name}`)
    }
    assert.equal(await page.locator('.transcript li.client').first().locator('span').last().textContent(), 'EHLO tests.example')
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('.attachment >> nth=0')])
    assert.equal(download.suggestedFilename(), 'invoice-10482.pdf')
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.click('#tab-html')
    await accessible(page, axe)
    await shot(page, 'message-dark')
    assert.deepEqual(page.problems, [])
  },

  'images of other hosts wait to be asked for': async ({ browser, http }) => {
    const page = await visit(browser, http)
    const asked = []
    await page.context().route(/track\.meridian\.example/, route => {
      asked.push(route.request().url())
      route.fulfill({ contentType: 'image/gif', body: Buffer.from('R0lGODlhAQABAAAAACw=', 'base64') })
    })
    await openMessage(page, '10482')
    await page.frameLocator('.paper iframe').getByText('On its way, Kim').waitFor()
    assert.deepEqual(asked, [])
    await page.click('.offer .link')
    await until('asked for', async () => asked.length === 1)
    assert.deepEqual(asked, ['https://track.meridian.example/open.gif'])
  },

  'search': async ({ browser, http }) => {
    const page = await visit(browser, http)
    for (const [query, expected] of [
      ['code', ['Your code is 481 203']], ['from:meridian', ['Your order 10482 is on its way']], ['has:attachment', ['Your order 10482 is on its way']],
      ['addressed:lee@example.org subject:welcome', ['Welcome']], ['"ten minutes"', ['Your code is 481 203']], ['is:read', ['Your order 10482 is on its way']],
      ['-from:meridian -subject:welcome', ['Your code is 481 203']], ['nothing-like-this', []]]) {
      await page.fill('#search', query)
      await until(query, async () => String(await subjects(page)) === String(expected) || subjects(page))
    }
    await page.getByText('Nothing matches this search.').waitFor()
    await page.press('#search', 'Escape')
    await until('all again', async () => (await subjects(page)).length === 3)
    await page.click('#tags .tag >> text=orders')
    await until('a tag', async () => (await subjects(page)).length === 1)
    assert.equal(await page.inputValue('#search'), 'tag:orders')
    assert.deepEqual(page.problems, [])
  },

  'marks and tags': async ({ browser, http }) => {
    const page = await visit(browser, http)
    await openMessage(page, 'Welcome')
    await until('read by opening', async () => await page.title() === '(1) Inbox')
    await page.click('.actions [aria-label="Mark unread"]')
    await page.waitForSelector(`${ROW}.unread >> text=Welcome`)
    await page.click('.actions [aria-label="Mark read"]')
    await page.fill('.add-tag', 'onboarding')
    await page.press('.add-tag', 'Enter')
    await page.waitForSelector('.head .tag >> text=onboarding')
    await page.waitForSelector('#tags .tag >> text=onboarding')
    await page.click('[aria-label="Remove the tag onboarding"]')
    await until('the tag is gone', async () => await page.locator('#tags .tag', { hasText: 'onboarding' }).count() === 0)
    await page.click('#read-all')
    await until('all read', async () => await page.title() === 'Inbox')
    assert.deepEqual(page.problems, [])
  },

  'the keyboard': async ({ browser, http, axe, shot }) => {
    const page = await visit(browser, http)
    const title = page.locator('.title h2')
    const open = async () => await title.count() === 1 && await title.textContent()
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await until('the second', async () => await open() === 'Your code is 481 203')
    await page.keyboard.press('k')
    await until('the first', async () => await open() === 'Welcome')
    await page.keyboard.press('u')
    await until('unread', async () => await page.title() === '(1) Inbox')
    await page.keyboard.press('4')
    await page.waitForSelector('#tab-source[aria-selected=true]')
    await page.keyboard.press('j')
    await page.waitForSelector('#tab-source[aria-selected=true]')
    await page.keyboard.press('/')
    await page.keyboard.type('order')
    await until('typed into the search', async () => (await subjects(page)).length === 1)
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    await until('the message is closed', async () => await page.locator('.title h2').count() === 0)
    await page.keyboard.press('?')
    await page.waitForSelector('dialog h2 >> text=Keys')
    await accessible(page, axe)
    await shot(page, 'help')
    await page.keyboard.press('Escape')
    await page.keyboard.press('k')
    await page.keyboard.press('k')
    await page.keyboard.press('#')
    await until('one is deleted', async () => String(await subjects(page)) === 'Your code is 481 203,Your order 10482 is on its way' || subjects(page))
    assert.deepEqual(page.problems, [])
  },

  'faults are set while it runs': async ({ browser, http, smtp, axe, shot }) => {
    const page = await visit(browser, http)
    await page.keyboard.press('f')
    await page.selectOption('#fault-place', 'rcpt')
    await page.fill('#fault-to', 'kim@example.org')
    await page.fill('#fault-value', '451 4.2.1 greylisted')
    assert.equal(await page.inputValue('#fault-text'), 'rcpt to=kim@example.org reply="451 4.2.1 greylisted"')
    await page.click('.fault-form .primary')
    await page.waitForSelector('.rules code >> text=rcpt')
    await assert.rejects(send(smtp, [plain('Refused', 'x')]), /451 4\.2\.1 greylisted/)
    await send(smtp, [plain('Taken', 'x')], { to: ['lee@example.org'] })
    await page.keyboard.press('Escape')
    await page.click('#open-faults')
    await page.waitForSelector('.hits.hit >> text=1 hit')
    assert.equal(await page.textContent('#fault-count'), '1')
    await accessible(page, axe)
    await shot(page, 'faults-light')
    await page.click('.switch')
    await page.waitForSelector('.switch[aria-checked=false]')
    await send(smtp, [plain('Taken, too', 'x')])
    await page.click('.switch')
    await page.waitForSelector('.switch[aria-checked=true]')
    await assert.rejects(send(smtp, [plain('Refused', 'x')]), /451/)
    await page.fill('#fault-text', 'rcpt rply="451 4.2.1 x"')
    await page.press('#fault-text', 'Enter')
    await until('a rule that is none is told', async () => (await page.textContent('.drawer .problem')).includes('rply'))
    await page.emulateMedia({ colorScheme: 'dark' })
    await shot(page, 'faults-dark')
    await page.click('.rules [aria-label="Remove this rule"]')
    await page.getByText('No faults: all mail is taken.').waitFor()
    await send(smtp, [plain('Taken after all', 'x')])
    assert.deepEqual(page.problems, [])
  },

  'a message is released': async ({ browser, http, relayHttp }) => {
    const page = await visit(browser, http)
    await openMessage(page, '10482')
    await page.click('.actions [aria-label="Release to a real server"]')
    await page.fill('#release-to', 'kim@elsewhere.example')
    await page.click('dialog .primary')
    await until('a recipient that is not allowed', async () => (await page.textContent('dialog .problem')).includes('kim@elsewhere.example'))
    await page.fill('#release-to', 'kim@example.org')
    await page.click('dialog .primary')
    await page.waitForSelector('.toast.shown >> text=Released')
    await until('it is there', async () => {
      const { messages } = await (await fetch(`http://${relayHttp}/api/v1/messages`)).json()
      return messages.length === 1 && messages[0].Subject === 'Your order 10482 is on its way'
    })
    assert.deepEqual(page.problems, [])
  },

  'light, dark, and as the system has it': async ({ browser, http, axe }) => {
    const page = await visit(browser, http, { colorScheme: 'dark' })
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const dark = await ground()
    await page.click('#theme')
    const light = await ground()
    assert.notEqual(light, dark)
    await page.reload()
    assert.equal(await ground(), light)
    await page.click('#theme')
    assert.equal(await ground(), dark)
    await accessible(page, axe)
    assert.deepEqual(page.problems, [])
  },

  'on a phone': async ({ browser, http, axe, shot }) => {
    const page = await visit(browser, http, PHONE)
    await shot(page, 'phone-list')
    await accessible(page, axe)
    await narrow(page)
    await page.locator(ROW, { hasText: '10482' }).tap()
    await page.frameLocator('.paper iframe').getByText('On its way, Kim').waitFor()
    await shot(page, 'phone-message')
    await accessible(page, axe)
    await narrow(page)
    await page.goBack()
    await page.locator(ROW, { hasText: '10482' }).waitFor()
    await page.tap('#open-faults')
    await shot(page, 'phone-faults')
    await narrow(page)
    assert.deepEqual(page.problems, [])
  },

  'hostile mail runs nothing and asks nobody': async ({ browser, http, smtp, shot }) => {
    const messages = corpus(HOSTILE)
    await send(smtp, messages.map(({ content }) => content))
    const page = await visit(browser, http)
    await page.waitForSelector(ROW)
    const shapes = await page.evaluate(() => Object.getOwnPropertyNames(Object.prototype).length)
    for (let index = 0; index < messages.length; index++) {
      await page.keyboard.press('j')
      await page.keyboard.press('Enter')
      await page.locator(`${ROW}[aria-selected=true]`).waitFor()
      const id = await page.locator(`${ROW}[aria-selected=true]`).getAttribute('data-id')
      await page.locator(`.actions a[href*="${id}"]`).waitFor()
      await everyView(page)
      await clickAround(page)
      assert.ok(page.frames().length <= 2, 'a frame within the frame')
    }
    assert.equal(await page.evaluate(() => Object.getOwnPropertyNames(Object.prototype).length), shapes)
    await page.locator('.title h2').waitFor()
    await shot(page, 'hostile')
    assert.deepEqual(page.problems, [])
  },

  'hostile mail as it was sent, by itself in a window': async ({ browser, http }) => {
    const context = await browser.newContext()
    const page = await context.newPage()
    const problems = []
    const { messages } = await (await fetch(`http://${http}/api/v1/messages?limit=100`)).json()
    page.on('dialog', dialog => { problems.push(dialog.message()); dialog.dismiss() })
    // Here the policy alone stands between the message and the world: it may want things, the browser does not ask for them.
    const isOwn = request => request.url().startsWith(`http://${http}/view/`)
    context.on('requestfinished', request => { if (!isOwn(request)) problems.push(request.url()) })
    context.on('requestfailed', request => { if (request.failure().errorText.startsWith('net::')) problems.push(request.url()) })
    context.on('page', () => problems.push('a window'))
    for (const { ID, Subject } of messages) {
      const url = `http://${http}/view/${ID}.html`
      const answer = await page.goto(url)
      if (answer.status() === 404) continue
      // A refresh at once would have happened by now.
      await page.waitForTimeout(50)
      assert.equal(page.url(), url, Subject)
      assert.equal(await page.evaluate(() => self.origin), 'null', Subject)
    }
    assert.deepEqual(problems, [])
  },

  'a name that is turned around is told': async ({ browser, http }) => {
    const page = await visit(browser, http)
    await page.fill('#search', 'subject:invoice')
    await until('found', async () => (await subjects(page)).length === 1)
    await page.locator(ROW).first().click()
    await page.locator('.attachment bdi', { hasText: 'invoice[U+202E]fdp.exe' }).waitFor()
    assert.ok((await page.textContent('.title h2')).includes('[U+202E]fdp.exe'))
    assert.deepEqual(page.problems, [])
  },

  'mail of any size': async ({ browser, http, smtp }) => {
    const page = await visit(browser, http)
    for (const [name, content] of Object.entries(LARGE)) {
      await send(smtp, [content()])
      await page.keyboard.press('Escape')
      await page.reload()
      await page.locator(ROW).first().click()
      await page.locator('.title h2').waitFor()
      await everyView(page)
      assert.deepEqual(page.problems, [], name)
    }
  },

  'delete all, after a question': async ({ browser, http, axe, shot }) => {
    const page = await visit(browser, http)
    await page.click('#delete-all')
    await page.waitForSelector('dialog .danger')
    await accessible(page, axe)
    await shot(page, 'confirm')
    await page.click('dialog .plain')
    assert.ok(await page.locator(ROW).count() > 0)
    await page.click('#delete-all')
    await page.click('dialog .danger')
    await page.waitForSelector('.first h2 >> text=No mail yet')
    assert.deepEqual(page.problems, [])
  },

  'ten thousand messages': async ({ browser, http, smtp, shot }) => {
    const numbers = Array.from({ length: MANY }, (_, index) => index + 1)
    const share = MANY / 4
    await Promise.all([0, 1, 2, 3].map(part => send(smtp, numbers.slice(part * share, (part + 1) * share)
      .map(number => plain(`Message ${number}`, `The body of message ${number}.`)))))
    const page = await visit(browser, http)
    const paints = await page.evaluate(() => Object.fromEntries(performance.getEntriesByType('paint').map(one => [one.name, Math.round(one.startTime)])))
    await page.waitForSelector(ROW)
    const rows = await page.evaluate(() => Math.round(performance.now()))
    console.log(`  with ${MANY} messages: first paint ${paints['first-contentful-paint']} ms, rows there within ${rows} ms`)
    assert.equal(await page.textContent('#tally'), '10,000 messages, 10,000 unread')
    assert.ok(await page.locator(ROW).count() < 60, 'only what is visible is in the page')
    const moved = await page.evaluate(() => new Promise(resolve => {
      new PerformanceObserver(list => resolve(list.getEntries().reduce((sum, one) => sum + one.value, 0))).observe({ type: 'layout-shift', buffered: true })
      setTimeout(() => resolve(0), 300)
    }))
    assert.ok(moved < 0.02, `the layout shifted by ${moved}`)
    await page.evaluate(() => { document.getElementById('list').scrollTop = 5000 * 61 })
    await until('the middle is loaded', async () => await page.locator('.row.hollow').count() === 0 && await page.locator(ROW).count() > 10)
    const before = await page.locator(ROW).nth(12).textContent()
    const top = () => page.locator(ROW, { hasText: before }).first().evaluate(row => Math.round(row.getBoundingClientRect().top))
    const place = await top()
    await send(smtp, [plain('One more', 'x')])
    await until('counted', async () => (await page.textContent('#tally')).startsWith('10,001'))
    await until('what is read does not move', async () => await top() === place || [place, await top()])
    await page.fill('#search', 'subject:"message 77"')
    await until('found', async () => /^\d+ of 10,001 messages$/.test(await page.textContent('#tally')))
    await page.press('#search', 'Escape')
    await send(smtp, Array.from({ length: 300 }, (_, index) => plain(`Burst ${index + 1}`, 'x')))
    await until('a burst is counted', async () => (await page.textContent('#tally')) === '10,301 messages, 10,301 unread' || page.textContent('#tally'))
    await until('and shown', async () => (await subjects(page))[0] === 'Burst 300' || subjects(page))
    await shot(page, 'ten-thousand')
    assert.deepEqual(page.problems, [])
  },
}

/** Nothing serious that axe can see. */
async function accessible(page, axe) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { iframes: false, resultTypes: ['violations'] }))
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  assert.deepEqual(grave.map(({ id, nodes }) => [id, nodes.map(node => node.html.slice(0, 200))]), [])
}

/** Nothing sticks out at the side. */
async function narrow(page) {
  const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth])
  assert.ok(inner <= outer, `${inner} pixels on a screen of ${outer}`)
}

/** As somebody who wonders what is there: into the message, everywhere. */
async function clickAround(page) {
  if (!await page.locator('#tab-html').isEnabled()) return
  await page.keyboard.press('1')
  const frame = page.locator('.paper iframe')
  await frame.waitFor()
  const inside = await (await frame.elementHandle()).contentFrame()
  await inside.waitForLoadState('load')
  assert.deepEqual(await inside.locator('script, iframe, object, embed, form, input, base, link, svg, meta[http-equiv]').count(), 0)
  const box = await frame.boundingBox()
  await page.mouse.move(box.x + 40, box.y + 40)
  await page.mouse.click(box.x + box.width - 30, box.y + box.height - 30)
  // The keys go there now, and come back with the pointer.
  const isInside = () => page.evaluate(() => document.activeElement.tagName === 'IFRAME')
  await until('the frame has the keys', isInside)
  await page.mouse.move(box.x + 40, box.y - 80)
  await until('the page has the keys', async () => !await isInside())
}

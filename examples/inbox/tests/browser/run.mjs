// The page in a browser, against the program: `node run.mjs PEERS SMTP HTTP RELAY-HTTP DIRECTORY`.
//
// PEERS has node_modules, SMTP and HTTP are where an inbox listens that relays to the one at RELAY-HTTP; screenshots go
// to DIRECTORY. Ends with 1 and the reasons if anything fails.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { SCENARIOS } from './scenarios.mjs'

const [, , peers, smtp, http, relayHttp, shots] = process.argv
const require = createRequire(path.join(peers, 'node_modules', '/'))
const { chromium } = require('playwright-core')
const axe = require('axe-core').source

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync']

mkdirSync(shots, { recursive: true })
const profile = mkdtempSync(path.join(tmpdir(), 'inbox-browser-'))
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS, env: { ...process.env, HOME: profile } })
let failed = false
for (const [name, scenario] of Object.entries(SCENARIOS)) {
  const start = performance.now()
  try {
    await scenario({ browser, smtp, http, relayHttp, axe, shot: (page, name) => page.screenshot({ path: path.join(shots, `${name}.png`) }) })
    console.log(`${name}: ${Math.round(performance.now() - start)} ms`)
  } catch (error) {
    failed = true
    console.log(`${name}: FAILED: ${error.stack}`)
    for (const context of browser.contexts()) {
      for (const page of context.pages()) await page.screenshot({ path: path.join(shots, 'failed.png') }).catch(() => {})
    }
  }
  // The next one would begin with what this one did not do.
  if (failed) break
  for (const context of browser.contexts()) await context.close()
}
await browser.close()
rmSync(profile, { recursive: true, force: true })
process.exit(failed ? 1 : 0)

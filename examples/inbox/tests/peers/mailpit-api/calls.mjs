// Every call of mailpit's client that this inbox has an answer for: node calls.mjs PEERS HTTP RELAYED
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

const [peers, http] = process.argv.slice(2)
const { MailpitClient } = createRequire(`${peers}/package.json`)('mailpit-api')
const mailpit = new MailpitClient(http)

const sent = await mailpit.sendMessage({
  From: { Name: 'App', Email: 'app@example.org' },
  To: [{ Email: 'kim@example.org' }],
  Subject: 'Welcome',
  Text: 'Your code is 123456',
  HTML: '<p>Your code is <b>123456</b></p>',
  Tags: ['one'],
  Attachments: [{ Filename: 'a.txt', Content: 'YWJj', ContentType: 'text/plain' }],
})
const message = await mailpit.waitForMessage({ query: 'subject:Welcome to:kim', tz: 'UTC' })
assert.equal(message.ID, sent.ID)
assert.equal(message.Text.trim(), 'Your code is 123456')
assert.deepEqual(message.To, [{ Name: '', Address: 'kim@example.org' }])
assert.equal(message.Attachments[0].Checksums.SHA256, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
assert.equal((await mailpit.getMessageSummary()).Subject, 'Welcome')
assert.deepEqual((await mailpit.getMessageHeaders(sent.ID)).Subject, ['Welcome'])
assert.match(await mailpit.getMessageSource(), /^Subject: Welcome\r$/m)
assert.equal(await (await mailpit.getMessageAttachment(sent.ID, message.Attachments[0].PartID)).text(), 'abc')
assert.match(await mailpit.renderMessageHTML(), /<b>123456<\/b>/)
assert.match(await mailpit.renderMessageText(sent.ID), /123456/)

const all = await mailpit.waitForMessages({ count: 1, exact: true })
assert.equal(all.messages[0].Snippet, 'Your code is 123456')
assert.equal((await mailpit.listMessages(0, 10)).total, 1)
assert.equal(await mailpit.setReadStatus({ IDs: [sent.ID], Read: false }), 'ok')
assert.equal((await mailpit.searchMessages({ query: 'is:unread', start: 0, limit: 5 })).messages_count, 1)
assert.deepEqual(await mailpit.getTags(), ['one'])
assert.equal(await mailpit.setTags({ IDs: [sent.ID], Tags: ['two', 'a/b c'] }), 'ok')
assert.equal(await mailpit.renameTag('a/b c', 'three'), 'ok')
assert.equal(await mailpit.deleteTag('two'), 'ok')
assert.deepEqual(await mailpit.getTags(), ['three'])

const chaos = await mailpit.setChaosTriggers({ Recipient: { ErrorCode: 450, Probability: 10 } })
assert.equal(chaos.Recipient.ErrorCode, 450)
await mailpit.setChaosTriggers()
assert.equal((await mailpit.getChaosTriggers()).Recipient.Probability, 0)

assert.equal(await mailpit.releaseMessage(sent.ID, { To: ['kim@example.org'] }), 'ok')
await assert.rejects(mailpit.releaseMessage(sent.ID, { To: ['kim@example.net'] }), /400/)
const info = await mailpit.getInfo()
assert.equal(info.Messages, 1)
assert.equal(info.Tags.three, 1)
await assert.rejects(mailpit.getMessageSummary('0'), /404/)
assert.equal(await mailpit.deleteMessagesBySearch({ query: 'subject:nothing' }), 'ok')
assert.equal(await mailpit.deleteMessages({ IDs: [sent.ID] }), 'ok')
assert.equal(await mailpit.deleteMessages(), 'ok')
assert.equal((await mailpit.listMessages()).total, 0)
console.log('all calls were answered')

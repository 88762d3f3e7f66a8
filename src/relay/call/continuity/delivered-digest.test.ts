import { expect, test } from "vitest"
import { DeliveredDigest } from "./delivered-digest.ts"

function message(text: string): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 0, text.length]), Buffer.from(text)])
}

const all = (...texts: string[]): Buffer => Buffer.concat(texts.map(message))

/** One that has given its client these messages. */
function delivered(...texts: string[]) {
  const digest = new DeliveredDigest({ sendData: (_, start, end) => end - start })
  const octets = all(...texts)
  for (let at = 0; at < octets.length; at += 3)
    digest.sendData(octets, at, Math.min(at + 3, octets.length), false)
  return digest
}

/** What is left of a leg's octets for the client, in pieces; null: it says something else than the client has. */
function rest(digest: DeliveredDigest, octets: Buffer, piece: number): string | null {
  let text = ""
  for (let at = 0; at < octets.length; at += piece) {
    const end = Math.min(at + piece, octets.length)
    const from = digest.take(octets, at, end)
    if (from < 0) return null
    text += octets.toString("latin1", from, end)
  }
  return text
}

test.each<[what: string, had: string[], said: Buffer, left: Buffer | null]>([
  ["the same, and more", ["a", "bc"], all("a", "bc", "d"), all("d")],
  ["the same", ["a", "bc"], all("a", "bc"), all()],
  ["an empty message", [""], all("", "x"), all("x")],
  ["nothing that the client has", [], all("a"), all("a")],
  ["another octet", ["a", "bc"], all("a", "bd", "e"), null],
  ["other boundaries of the same text", ["a", "bc"], all("ab", "c"), null],
  ["another length", ["a", "bc"], all("a", "b", "c"), null],
])("said again: %s", (_, had, said, left) => {
  for (const piece of [1, 3, 1000]) {
    const digest = delivered(...had)
    digest.begin(had.length)
    expect(rest(digest, said, piece)).toBe(left?.toString("latin1") ?? null)
    expect(digest.messagesLeft).toBe(0)
  }
})

test("a leg that is lost while it says everything again: the next one says it from the first", () => {
  const digest = delivered("a", "b")
  digest.begin(2)
  expect(rest(digest, all("a", "b").subarray(0, 8), 8)).toBe("")
  expect(digest.messagesLeft).toBe(1)
  digest.begin(2)
  expect(rest(digest, all("a", "b", "c"), 4)).toBe(all("c").toString("latin1"))
})

test("what a later leg gives the client counts for those after it", () => {
  const digest = delivered("a")
  digest.begin(1)
  const more = all("a", "b")
  const from = digest.take(more, 0, more.length)
  digest.sendData(more, from, more.length, false)
  digest.begin(2)
  expect(rest(digest, all("a", "b"), 5)).toBe("")
  digest.begin(2)
  expect(rest(digest, all("a", "c"), 5)).toBe(null)
})

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { multipartOf } from "./multipart.ts"

const BOUNDARY = "00000000000000000000"

function writtenFile(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-multipart-"))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = join(directory, "file")
  writeFileSync(path, text)
  return path
}

async function read(path: string, octets: number, ranges: { start: number; end: number }[]) {
  const multipart = multipartOf({ path, octets, ranges, type: "text/plain", random: 0 })
  const body = await multipart.open()
  let text = ""
  for await (const chunk of body) text += (chunk as Buffer).toString("latin1")
  return { text, octets: multipart.octets }
}

const part = (range: string, text: string): string =>
  `\r\n--${BOUNDARY}\r\nContent-Type: text/plain\r\nContent-Range: bytes ${range}\r\n\r\n${text}`
const END = `\r\n--${BOUNDARY}--\r\n`

test("each range is a part, and the length is that of all", async () => {
  const ranges = [
    { start: 0, end: 2 },
    { start: 9, end: 10 },
  ]
  const { text, octets } = await read(writtenFile("0123456789"), 10, ranges)
  expect(text).toBe(part("0-1/10", "01") + part("9-9/10", "9") + END)
  expect(octets).toBe(text.length)
})

test("a range may be longer than what is read at once", async () => {
  const file = "abcdefg".repeat(50_000)
  const { text } = await read(writtenFile(file), file.length, [{ start: 1, end: file.length - 1 }])
  expect(text).toBe(part(`1-${file.length - 2}/${file.length}`, file.slice(1, -1)) + END)
})

test("a file that has become shorter ends what is read", async () => {
  const ranges = [
    { start: 2, end: 5 },
    { start: 0, end: 1 },
  ]
  expect((await read(writtenFile("0123"), 10, ranges)).text).toBe(part("2-4/10", "23"))
})

test("many ranges leave nothing behind at the file", async () => {
  const warnings: string[] = []
  const onWarning = ({ name }: Error): unknown => warnings.push(name)
  process.on("warning", onWarning)
  onTestFinished(() => void process.off("warning", onWarning))
  const ranges = Array.from({ length: 50 }, () => ({ start: 0, end: 1 }))
  const { text } = await read(writtenFile("0123456789"), 10, ranges)
  // Warnings are told in a turn of their own.
  await new Promise((resolve) => setImmediate(resolve))
  expect(text).toBe(part("0-0/10", "0").repeat(50) + END)
  expect(warnings).toEqual([])
})

test("nothing is opened before its body is asked for", async () => {
  const multipart = multipartOf({ path: "/none", octets: 1, ranges: [], type: "", random: 0 })
  expect(multipart.contentType).toBe(`multipart/byteranges; boundary=${BOUNDARY}`)
  await expect(multipart.open()).rejects.toMatchObject({ code: "ENOENT" })
})

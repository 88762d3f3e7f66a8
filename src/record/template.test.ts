// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${name} is the syntax under test.
import { describe, expect, test } from "vitest"
import { streamRecord, templateEnvironment } from "../../test/support/stream-record.ts"
import { OctetBuffer } from "../base/octet-buffer.ts"
import { HeaderList } from "../http2/header-list.ts"
import type { Escape } from "./escape.ts"
import type { StreamRecord } from "./record.ts"
import { checkTemplate, compileTemplate, type Template } from "./template.ts"

const env = templateEnvironment()
const hostile = streamRecord({
  path: "/%0d%0aX:%20y",
  requestHeaders: new HeaderList(["x-odd", '"\\\t\x01\x7f\xe6\x94\xb6é~', "x-empty", ""]),
})

/** The second time the values are known. */
function writtenTwice(template: Template, record: StreamRecord): string[] {
  return [1, 2].map(() => {
    const out = new OctetBuffer()
    template.write(record, env, out)
    return out.octets.toString("latin1")
  })
}

test("what is written changes with the stream", () => {
  const template = compileTemplate("$request_uri $http_x_a $status", "default")
  const out = new OctetBuffer()
  const long = "/".repeat(300)
  const seen = [
    ["/a", "1"],
    ["/a", "1"],
    ["/b", '"'],
    ["/b", '"'],
    [long, "1"],
    [long, "1"],
    ["/a", "1"],
  ] as const
  for (const [path, value] of seen) {
    template.write(streamRecord({ path, requestHeaders: new HeaderList(["x-a", value]) }), env, out)
    out.octet(0x0a)
  }
  const lines = seen.map(([path, value]) => `${path} ${value === '"' ? "\\x22" : value} 200\n`)
  expect(out.octets.toString("latin1")).toBe(lines.join(""))
})

describe.each<[source: string, text: string]>([
  ["plain text", "plain text"],
  ["", ""],
  ["收到", "\xe6\x94\xb6\xe5\x88\xb0"],
  ["$status", "200"],
  ["${status}", "200"],
  ["${status}x", "200x"],
  ["$status$status", "200200"],
  ["a $status b ${scheme}://$host$request_uri", "a 200 b http://chat.example/chat.Chat/BidStream"],
  ["[$http_none]", "[]"],
])("%s", (source, text) => {
  test(`renders as ${JSON.stringify(text)}`, () => {
    const template = compileTemplate(source)
    expect(template.render(streamRecord(), env)).toBe(text)
    expect(writtenTwice(template, streamRecord())).toEqual([text, text])
    expect(template.constant).toBe(source.includes("$") ? null : text)
  })
})

describe.each<[mode: Escape, odd: string, missing: string, uri: string]>([
  ["default", "\\x22\\x5C\\x09\\x01\\x7F\\xE6\\x94\\xB6\\xE9~", "-", "/\\x0D\\x0AX: y"],
  ["json", '\\"\\\\\\t\\u0001\x7f\xe6\x94\xb6\xe9~', "", "/\\r\\nX: y"],
  ["none", '"\\\t\x01\x7f\xe6\x94\xb6\xe9~', "", "/\r\nX: y"],
  ["header", '"\\\t%01%7F\xe6\x94\xb6\xe9~', "", "/%0D%0AX: y"],
])("escape %s", (mode, odd, missing, uri) => {
  test.each([
    ["$http_x_odd", odd],
    ["$http_x_none", missing],
    ["$http_x_empty", ""],
    ["$uri", uri],
  ])("%s", (source, text) => {
    expect(compileTemplate(source, mode).render(hostile, env)).toBe(text)
    const framed = compileTemplate(`<${source}>`, mode)
    expect(framed.render(hostile, env)).toBe(`<${text}>`)
    expect(writtenTwice(framed, hostile)).toEqual([`<${text}>`, `<${text}>`])
  })
})

test.each([
  ["a $", 2, 1, "there is no variable name after the $"],
  ["a $-", 2, 1, "there is no variable name after the $"],
  ["${}", 0, 1, "there is no variable name after the $"],
  ["x ${status", 2, 1, 'the variable lacks its closing "}"'],
  ["x $statuss y", 2, 8, 'unknown variable "$statuss"'],
  ["${arg}", 0, 6, 'unknown variable "$arg"'],
])("%s is refused", (source, offset, length, message) => {
  expect(checkTemplate(source)).toEqual({ offset, length, message })
  expect(() => compileTemplate(source)).toThrow(message)
})

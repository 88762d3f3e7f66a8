// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${name} is the syntax under test.
import { describe, expect, test } from "vitest"
import { streamRecord, templateEnvironment } from "../../test/support/stream-record.ts"
import { HeaderList } from "../http2/header-list.ts"
import { checkTemplate, compileTemplate, type Escape } from "./template.ts"

const env = templateEnvironment()
const hostile = streamRecord({
  path: "/%0d%0aX:%20y",
  requestHeaders: new HeaderList(["x-odd", '"\\\t\x01\x7f\xe6\x94\xb6é~', "x-empty", ""]),
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
    expect(compileTemplate(`<${source}>`, mode).render(hostile, env)).toBe(`<${text}>`)
  })
})

test.each([
  ["a $", 2, 1, "there is no variable name after the $"],
  ["a $-", 2, 1, "there is no variable name after the $"],
  ["${}", 0, 1, "there is no variable name after the $"],
  ["x ${status", 2, 1, 'the variable lacks its closing "}"'],
  ["x $statuss y", 2, 8, 'unknown variable "$statuss"'],
  ["${arg_}", 0, 7, 'unknown variable "$arg_"'],
  ["$1", 0, 2, 'unknown variable "$1"'],
])("%s is refused", (source, offset, length, message) => {
  expect(checkTemplate(source)).toEqual({ offset, length, message })
  expect(() => compileTemplate(source)).toThrow(message)
})

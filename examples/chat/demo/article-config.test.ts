import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { adaptArticleConfig } from "./article-config.ts"

const one = readFileSync(new URL("../nginx/one.conf", import.meta.url), "utf8")
const two = readFileSync(new URL("../nginx/two.conf", import.meta.url), "utf8")

test("only the addresses change", () => {
  const { text, changes } = adaptArticleConfig(two, {
    listenPort: 8080,
    serverPorts: [3000, 3001],
    accessLog: "a.log",
  })
  expect(changes.map(({ to }) => to)).toEqual(["listen  8080 ", "a.log"])
  expect(text).toBe(two.replace("listen  80 ", "listen  8080 ").replace("/var/log/nginx/access.log", "a.log"))
})

test("a server moved to 3001 is not moved again", () => {
  const { text } = adaptArticleConfig(two, {
    listenPort: 8080,
    serverPorts: [3001, 3002],
    accessLog: "a.log",
  })
  expect(text).toContain("server 127.0.0.1:3001;\n    server 127.0.0.1:3002;")
})

test("a path with spaces and quotes stays one parameter", () => {
  const accessLog = '/a "b"/c d.log'
  const { text } = adaptArticleConfig(one, { listenPort: 80, serverPorts: [3000], accessLog })
  expect(text).toContain('access_log "/a \\"b\\"/c d.log" main;')
})

test("another file is refused", () => {
  expect(() => adaptArticleConfig("server {}", { listenPort: 1, serverPorts: [], accessLog: "x" })).toThrow(
    "listen  80",
  )
})

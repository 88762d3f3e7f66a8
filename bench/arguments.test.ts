import { resolve } from "node:path"
import { expect, test } from "vitest"
import { parseArguments } from "./arguments.ts"

test("nothing given: everything, and the document is written", () => {
  const given = parseArguments([])
  expect(given).toMatchObject({ peers: null, also: [], rounds: 3, quick: false, json: null, docs: true })
  expect(given.shapes).toContain("idle-100k")
})

test.each([
  [["--shape", "bidi-10x10"]],
  [["--peer", "nginx"]],
  [["--quick"]],
  [["--no-docs"]],
  [["--also", "a=b {conf}"]],
  [["--compare", "HEAD"]],
])("%j leaves the document alone", (argv) => {
  expect(parseArguments(argv).docs).toBe(false)
})

test("lists, numbers and repeated flags are read", () => {
  const argv =
    "--shape bidi-10x10,connect --peer none,haproxy --rounds 5 --seconds 0.5 --json - --also a=1{conf} --also b=2{conf}"
  expect(parseArguments(argv.split(" "))).toMatchObject({
    shapes: ["bidi-10x10", "connect"],
    peers: ["none", "haproxy"],
    rounds: 5,
    seconds: 0.5,
    json: "-",
    also: ["a=1{conf}", "b=2{conf}"],
  })
})

test("--quick is short, unless told otherwise", () => {
  expect(parseArguments(["--quick"]).rounds).toBe(1)
  expect(parseArguments(["--quick", "--rounds", "2"]).rounds).toBe(2)
})

test("--compare is of Sluice alone, on what is timed, with rounds enough for quartiles", () => {
  const given = parseArguments(["--compare", "HEAD~3"])
  expect(given).toMatchObject({ compare: "HEAD~3", peers: ["sluice"], rounds: 9 })
  expect(given.shapes).toContain("upload-10x10")
  expect(given.shapes.filter((name) => /^(idle|log)-/.test(name))).toEqual([])
})

test("--peer-path names programs, absolute or as PATH has them", () => {
  const { peerPaths } = parseArguments(
    "--peer-path haproxy=./sbin/haproxy --peer-path nginx=nginx-next".split(" "),
  )
  expect([...peerPaths]).toEqual([
    ["haproxy", resolve("sbin/haproxy")],
    ["nginx", "nginx-next"],
  ])
})

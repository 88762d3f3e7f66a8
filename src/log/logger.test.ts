import { expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { MemoryDisk } from "../../test/support/memory-disk.ts"
import { LogOnce } from "./log-once.ts"
import { createLog, openLog } from "./logger.ts"
import { silentLog } from "./silent-log.ts"

function capture(options: Partial<Parameters<typeof createLog>[0]> = {}) {
  const clock = new ManualClock()
  const lines: string[] = []
  const log = createLog({ level: "info", clock, write: (line) => void lines.push(line), ...options })
  return { clock, lines, log }
}

test("a line is one JSON object", () => {
  const { lines, log } = capture()
  log.with({ listener: "[::]:80" }).warn("a peer \n misbehaves", { peer: "192.0.2.1", code: 11 })
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      level: "warn",
      time: "2026-11-23T06:11:22.042Z",
      listener: "[::]:80",
      peer: "192.0.2.1",
      code: 11,
      message: "a peer \n misbehaves",
    },
  ])
  expect(lines[0]).not.toContain("\n")
})

test.each([
  [{}, "a backend is out", "warn  a backend is out"],
  [{ endpoint: "127.0.0.1:3000", tries: 2 }, "out", "warn  out endpoint=127.0.0.1:3000 tries=2"],
  [{ cause: "no route" }, "out", 'warn  out cause="no route"'],
  [{ cause: '\u001b[2J"=' }, "o\u001b[2Jut", 'warn  o·[2Jut cause="\\u001b[2J\\"="'],
])("on a terminal %j reads well and cannot drive it", (fields, message, text) => {
  const { lines, log } = capture({ format: "readable" })
  log.warn(message, fields)
  expect(lines[0]).toMatch(/^\d\d:\d1:22\.042 /)
  expect(lines[0]!.slice(13)).toBe(text)
})

test("colour is on the level alone", () => {
  const { lines, log } = capture({ format: "readable", color: true })
  log.error("out")
  expect(lines[0]!.slice(13)).toBe("\u001b[31merror\u001b[0m out")
})

test.each([
  ["debug", 4],
  ["info", 3],
  ["warn", 2],
  ["error", 1],
] as const)("level %s lets %d of four through", (level, count) => {
  const { lines, log } = capture({ level })
  for (const name of ["debug", "info", "warn", "error"] as const) log[name](name)
  expect(lines.length).toBe(count)
})

test("one message cannot flood the log, nor silence another", () => {
  const { clock, lines, log } = capture()
  for (let i = 0; i < 1000; i++) log.warn("flood", { i })
  expect(lines.length).toBe(20)
  log.with({ a: 1 }).warn("flood")
  log.warn("other")
  expect(lines.length).toBe(21)
  clock.advance(1000)
  log.warn("flood")
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({ message: "flood", unsaid: 981 })
})

test("a million different messages are remembered in bounded room", () => {
  const { lines, log } = capture()
  for (let i = 0; i < 2_000; i++) log.info(`message ${i}`)
  expect(lines.length).toBe(2_000)
})

test("a connection says each thing once", () => {
  const { lines, log } = capture()
  const said = new LogOnce(log)
  for (let i = 0; i < 100; i++) {
    said.warn("reset", `stream ${i} was reset`)
    said.info(`kind ${i}`, "hello")
  }
  expect(lines.filter((line) => line.includes("was reset")).length).toBe(1)
  new LogOnce(log).warn("reset", "another connection")
  expect(JSON.parse(lines.at(-1)!).message).toBe("another connection")
})

test("a log file is written, reopened and closed", async () => {
  const disk = new MemoryDisk()
  const clock = new ManualClock()
  const log = openLog({ level: "info", path: "/log", clock, files: disk })
  log.info("收到")
  await log.reopen()
  const closed = log.close()
  disk.settle()
  await closed
  const line = Buffer.from(disk.files.get("/log")!, "latin1").toString("utf8")
  expect(JSON.parse(line)).toMatchObject({ level: "info", message: "收到" })
  expect(disk.openFds.size).toBe(0)
})

test("a log that cannot be opened says so", () => {
  expect(() => openLog({ level: "info", path: "/nowhere/sluice.log" })).toThrow(
    "cannot open the log /nowhere/sluice.log: the directory /nowhere does not exist; create it or name another file",
  )
})

test("the silent log is silent", () => {
  silentLog.with({ a: 1 }).error("nothing")
})

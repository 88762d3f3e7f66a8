import { expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { MemoryDisk } from "../../test/support/memory-disk.ts"
import { streamRecord, templateEnvironment } from "../../test/support/stream-record.ts"
import type { AccessLogConfig } from "../config/model.ts"
import { HeaderList } from "../http2/header-list.ts"
import { AccessLogs } from "./access-log.ts"
import { createLog } from "./logger.ts"

const main =
  '$remote_addr - $remote_user [$time_iso8601] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for"'

const config = (changes: Partial<AccessLogConfig> = {}): AccessLogConfig => ({
  path: "/log",
  template: "$status $grpc_status",
  escape: "default",
  ifTemplate: null,
  bufferOctets: 0,
  flushMs: null,
  ...changes,
})

function started() {
  const disk = new MemoryDisk()
  const clock = new ManualClock()
  const said: string[] = []
  const log = createLog({ level: "info", clock, write: (line) => void said.push(JSON.parse(line).message) })
  const logs = new AccessLogs({ clock, log, env: templateEnvironment({ clock }), files: disk })
  const text = (path = "/log") => {
    clock.advance(10)
    disk.settle()
    return disk.files.get(path)
  }
  return { disk, clock, logs, said, text }
}

test("nginx's main format, with a hostile user agent", () => {
  const { logs, text } = started()
  const requestHeaders = new HeaderList(["user-agent", 'x" \\ \xe6', "x-forwarded-for", "10.0.0.1"])
  logs.open(config({ template: main })).write(streamRecord({ requestHeaders }))
  expect(text()).toMatch(
    /^192\.0\.2\.1 - - \[2026-11-2\dT\d\d:\d1:22[+-]\d\d:\d\d\] "POST \/chat\.Chat\/BidStream HTTP\/2\.0" 200 42 "-" "x\\x22 \\x5C \\xE6" "10\.0\.0\.1"\n$/,
  )
})

test("users of one path share one file; the last one closes it", async () => {
  const { disk, logs, text } = started()
  const first = logs.open(config())
  const second = logs.open(config({ template: "second", path: "/var/../log" }))
  expect(disk.openFds.size).toBe(1)
  first.write(streamRecord())
  second.write(streamRecord())
  expect(text()).toBe("200 0\nsecond\n")
  expect(logs.stats()).toEqual([{ path: "/log", written: 2, dropped: 0 }])
  await first.release()
  await first.release()
  expect(disk.openFds.size).toBe(1)
  second.write(streamRecord())
  const released = second.release()
  expect(text()).toBe("200 0\nsecond\nsecond\n")
  await released
  expect([disk.openFds.size, logs.stats()]).toEqual([0, []])
})

test.each([
  ["$http_x_log", "", false],
  ["$http_x_log", "0", false],
  ["$http_x_log", "1", true],
  ["$http_none", "1", false],
])("if=%s with %j writes: %s", (ifTemplate, value, writes) => {
  const { logs, text } = started()
  logs.open(config({ ifTemplate })).write(streamRecord({ requestHeaders: new HeaderList(["x-log", value]) }))
  expect(text()).toBe(writes ? "200 0\n" : "")
})

test("a disk in trouble is told in the process log, and streams go on", () => {
  const { disk, logs, said, text } = started()
  disk.answers.push("ENOSPC")
  logs.open(config()).write(streamRecord())
  text()
  expect(said).toEqual(["access log /log cannot be written (ENOSPC): lines are being dropped"])
})

test("reopen and close reach every file", async () => {
  const { disk, logs, text } = started()
  const one = logs.open(config({ path: "/one" }))
  logs.open(config({ path: "/two" }))
  disk.rotate("/one", "/one.1")
  await logs.reopen()
  one.write(streamRecord())
  expect(text("/one")).toBe("200 0\n")
  await logs.close()
  expect(disk.openFds.size).toBe(0)
})

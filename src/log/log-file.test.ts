import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { MemoryDisk } from "../../test/support/memory-disk.ts"
import { systemClock } from "../base/clock.ts"
import { LogFile, LogFileError, type LogFileOptions } from "./log-file.ts"

function opened(options: Partial<LogFileOptions> = {}) {
  const disk = new MemoryDisk()
  const clock = new ManualClock()
  const said: string[] = []
  const report = (severity: string, message: string) => void said.push(`${severity}: ${message}`)
  const base = {
    path: "/log",
    purpose: "access log",
    encoding: "latin1",
    bufferOctets: 0,
    flushMs: null,
  } as const
  const file = new LogFile({ ...base, clock, files: disk, report, ...options })
  return { disk, clock, said, file, text: () => disk.files.get("/log") }
}

test("lines of one moment are one write", () => {
  const { disk, clock, file, text } = opened()
  file.append("a")
  file.append("b")
  expect(disk.writesOpen).toBe(0)
  clock.advance(10)
  file.append("c")
  clock.advance(10)
  expect(disk.settle()).toBe(1)
  clock.advance(10)
  expect(disk.settle()).toBe(1)
  expect(text()).toBe("a\nb\nc\n")
  expect([file.written, file.dropped, clock.timersOpen]).toEqual([3, 0, 0])
})

test("a buffer waits until it is full, or for flushMs", () => {
  const { disk, clock, file, text } = opened({ bufferOctets: 8, flushMs: 500 })
  file.append("aaa")
  clock.advance(499)
  expect(disk.settle()).toBe(0)
  file.append("bbb")
  disk.settle()
  expect(text()).toBe("aaa\nbbb\n")
  file.append("c")
  clock.advance(500)
  disk.settle()
  expect(text()).toBe("aaa\nbbb\nc\n")
})

test("without flushMs a buffer waits for ever, as in nginx; closing writes it", async () => {
  const { disk, clock, file, text } = opened({ bufferOctets: 100 })
  file.append("a")
  clock.advance(1e9)
  expect(clock.timersOpen + disk.writesOpen).toBe(0)
  const closed = file.close()
  disk.settle()
  await closed
  expect(text()).toBe("a\n")
  expect(disk.openFds.size).toBe(0)
})

test("octet strings are written as the octets they are", async () => {
  const { disk, file, text } = opened()
  file.append("\xe6\x94\xb6")
  const closed = file.close()
  disk.settle()
  await closed
  expect(text()).toBe("\xe6\x94\xb6\n")
})

test("short writes and full pipes are continued", () => {
  const { disk, clock, file, said, text } = opened()
  disk.answers.push(1, "EAGAIN", 2)
  file.append("abcdef")
  clock.advance(10)
  disk.settle()
  clock.advance(10)
  disk.settle()
  expect(text()).toBe("abcdef\n")
  expect([file.written, said]).toEqual([1, []])
})

test("a disk slower than the lines costs lines, not memory, and is told once", () => {
  const { disk, clock, file, said, text } = opened({ pendingOctets: 20 })
  file.append("first")
  clock.advance(10)
  for (let i = 0; i < 1000; i++) file.append("123456789")
  expect([file.dropped, said]).toEqual([
    998,
    ["error: access log /log is slower than lines come: lines are being dropped"],
  ])
  disk.settle()
  clock.advance(10)
  disk.settle()
  expect(text()).toBe("first\n123456789\n123456789\n")
  expect(said.slice(1)).toEqual(["info: access log /log is written again; 998 lines were lost"])
})

test("a failing disk is told once, tried again each second, and its torn line is ended", () => {
  const { disk, clock, file, said, text } = opened()
  disk.answers.push(2, "ENOSPC", "ENOSPC")
  file.append("abc")
  clock.advance(10)
  disk.settle()
  file.append("def")
  clock.advance(999)
  expect(disk.settle()).toBe(0)
  clock.advance(1)
  expect(disk.settle()).toBe(1)
  file.append("ghi")
  clock.advance(1000)
  disk.settle()
  expect(text()).toBe("ab\nghi\n")
  expect([file.written, file.dropped]).toEqual([1, 2])
  expect(said).toEqual([
    "error: access log /log cannot be written (ENOSPC): lines are being dropped",
    "info: access log /log is written again; 2 lines were lost",
  ])
})

test("closing ends although the disk fails, or a pipe stays full", async () => {
  for (const code of ["EIO", "EAGAIN"]) {
    const { disk, clock, file } = opened()
    disk.answers.push(...Array<string>(200).fill(code))
    file.append("a")
    const closed = file.close()
    for (let i = 0; i < 200; i++) {
      disk.settle()
      clock.advance(10)
    }
    await closed
    expect([file.written, file.dropped, disk.openFds.size]).toEqual([0, 1, 0])
    file.append("late")
    expect([file.dropped, clock.timersOpen, disk.writesOpen]).toEqual([2, 0, 0])
  }
})

test("a pipe that was full for long has its time on closing all the same", async () => {
  const { disk, clock, file, text } = opened()
  const passes = (times: number): void => {
    for (let i = 0; i < times; i++) {
      disk.settle()
      clock.advance(10)
    }
  }
  disk.answers.push(...Array<string>(190).fill("EAGAIN"))
  file.append("a")
  clock.advance(10)
  passes(150)
  const closed = file.close()
  passes(50)
  await closed
  expect([text(), file.dropped]).toEqual(["a\n", 0])
})

test("after a rotation new lines go to the new file, and none is lost", async () => {
  const { disk, clock, file, text } = opened()
  file.append("old")
  clock.advance(10)
  disk.rotate("/log", "/log.1")
  const reopened = file.reopen()
  file.append("new")
  disk.settle()
  await reopened
  expect(disk.settle() + disk.writesOpen).toBe(0)
  expect([disk.files.get("/log.1"), text(), disk.openFds.size]).toEqual(["old\n", "new\n", 1])
})

test("a file that cannot be opened anew stays in use", async () => {
  const { disk, clock, file, said, text } = opened()
  disk.openError = "EACCES"
  await file.reopen()
  file.append("a")
  clock.advance(10)
  disk.settle()
  expect(text()).toBe("a\n")
  expect(said).toEqual([
    "error: cannot open the access log /log: permission denied; the file opened before stays in use",
  ])
})

test("flushSync writes what waits at once", () => {
  const { file, text } = opened({ bufferOctets: 100 })
  file.append("last words")
  file.flushSync()
  expect(text()).toBe("last words\n")
})

test("flushSync ends a torn line first", () => {
  const { disk, clock, file, text } = opened()
  disk.answers.push(2, "ENOSPC")
  file.append("abc")
  clock.advance(10)
  disk.settle()
  file.append("last words")
  file.flushSync()
  expect(text()).toBe("ab\nlast words\n")
})

test("of a line that cannot be made, nothing stays", () => {
  const { file, text } = opened({ bufferOctets: 100 })
  const broken = () =>
    file.appendBy((out) => {
      out.text("half")
      throw new Error("no such thing")
    })
  expect(broken).toThrow("no such thing")
  file.append("whole")
  file.flushSync()
  expect(text()).toBe("whole\n")
})

test.each([
  [
    "/nowhere/at/all/access.log",
    "the directory /nowhere/at/all does not exist; create it or name another file",
  ],
  [tmpdir(), "it is a directory"],
])("opening %s says why not", (path, reason) => {
  const open = () =>
    new LogFile({
      path,
      purpose: "access log",
      clock: systemClock,
      encoding: "latin1",
      bufferOctets: 0,
      flushMs: null,
      report() {},
    })
  expect(open).toThrow(LogFileError)
  expect(open).toThrow(`cannot open the access log ${path}: ${reason}`)
})

test("on a real disk: appended, reopened, closed", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-log-"))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = join(directory, "access.log")
  const file = new LogFile({
    path,
    purpose: "access log",
    clock: systemClock,
    encoding: "latin1",
    bufferOctets: 0,
    flushMs: null,
    report() {},
  })
  for (let i = 0; i < 1000; i++) file.append(`line ${i}`)
  await file.reopen()
  file.append("last")
  await file.close()
  expect(readFileSync(path, "latin1").split("\n").slice(-3)).toEqual(["line 999", "last", ""])
})

test("/dev/stdout is the process's own, though it is a pipe", () => {
  const program = `
    import { LogFile } from "./src/log/log-file.ts"
    import { systemClock } from "./src/base/clock.ts"
    const file = new LogFile({ path: "/dev/stdout", purpose: "access log", clock: systemClock, encoding: "latin1", bufferOctets: 0, flushMs: null, report() {} })
    for (let i = 0; i < 20000; i++) file.append("x".repeat(99))
    await file.close()
    console.error(file.written, file.dropped)`
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "latin1",
    maxBuffer: 1e8,
  })
  expect(stderr.trim()).toBe("20000 0")
  expect(stdout.length).toBe(2_000_000)
})

test("what a full pipe took in part is ended first when all is to be written at once", () => {
  const { disk, clock, file, text } = opened()
  file.append("first line")
  file.append("second line")
  clock.advance(10)
  disk.answers.push(14, "EAGAIN")
  disk.settle()
  file.append("third line")
  file.flushSync()
  expect(text()).toBe("first line\nsecond line\nthird line\n")
  expect([file.written, file.dropped, clock.timersOpen]).toEqual([3, 0, 0])
})

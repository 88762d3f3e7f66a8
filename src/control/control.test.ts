import { EventEmitter } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, type TestContext, test } from "vitest"
import { eventually } from "../../test/support/eventually.ts"
import { LogLines } from "../../test/support/log-lines.ts"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { testDirectory } from "../../test/support/sluice-process.ts"
import type { FromThread, ToThread } from "../balancer/thread/contract.ts"
import { GivenSockets } from "../balancer/thread/given-sockets.ts"
import { loadConfig } from "../config/load.ts"
import type { ProcessLog } from "../log/logger.ts"
import { Control } from "./control.ts"
import type { ThreadWorker } from "./data-threads.ts"
import type { OnCommand } from "./signals.ts"

/** A thread that does at once what it is told, and listens on nothing. */
class ObedientWorker extends EventEmitter {
  readonly heard: string[] = []
  /** Of `stop`: null does well. */
  stopProblem: string | null = null
  hangsAtStop = false

  postMessage(message: ToThread): void {
    this.heard.push(message.kind)
    if (message.kind === "start" || message.kind === "prepare") {
      const given = new GivenSockets()
      given.give(message.sockets)
      given.closeRest()
    }
    const answer = this.#answerTo(message)
    if (answer !== null) setImmediate(() => this.emit("message", answer))
    if (message.kind === "stop" && !this.hangsAtStop) setImmediate(() => this.emit("exit", 0))
  }

  terminate(): void {
    this.emit("exit", 1)
  }

  #answerTo(message: ToThread): FromThread | null {
    switch (message.kind) {
      case "start":
        return { kind: "ready" }
      case "prepare":
        return { kind: "prepared", version: message.version, problem: null }
      case "prepare-part":
        return { kind: "taken", version: message.version }
      case "commit":
        return { kind: "committed", version: message.version, problem: null }
      case "flush":
        return { kind: "flushed" }
      case "stop":
        return this.hangsAtStop ? null : { kind: "stopped", problem: this.stopProblem }
      default:
        return null
    }
  }
}

const serverAt = (directory: string, options = ""): string =>
  `server { listen unix:${directory}/s.sock http2${options}; location / { grpc_pass 127.0.0.1:3000; } }\n`

async function start(t: TestContext) {
  const directory = testDirectory(t)
  const path = join(directory, "nginx.conf")
  const configure = (text: string): void => writeFileSync(path, text)
  configure(serverAt(directory))
  const lines = new LogLines()
  const reopened: string[] = []
  const flushed: string[] = []
  const log: ProcessLog = Object.assign(lines.log, {
    setLevel: () => {},
    reopen: () => Promise.resolve(void reopened.push("log")),
    close: () => Promise.resolve(),
    flushSync: () => void flushed.push("log"),
  })
  const clock = new ManualClock()
  const workers: ObedientWorker[] = []
  const exits: number[] = []
  let command: OnCommand = () => {}
  const control = new Control({
    config: loadConfig(path).config!,
    threads: 2,
    load: () => Promise.resolve(loadConfig(path)),
    log,
    threadLog: { level: "info", path: "stderr", format: "json", color: false },
    clock,
    signals: { onCommand: (handler) => (command = handler) },
    configFile: path,
    onEvent: () => {},
    openAdmin: () => Promise.resolve(null),
    inheritance: { sockets: [], isUpgrade: false },
    makeWorker: () => {
      workers.push(new ObedientWorker())
      return workers.at(-1) as unknown as ThreadWorker
    },
    onListening: () => lines.log.info("listening"),
    exit: (code) => exits.push(code),
  })
  const done = control.run()
  const says = (message: string): Promise<void> =>
    eventually(
      () => lines.saying(message).length > 0,
      () => `${message}, within ${JSON.stringify(lines.lines)}`,
    )
  await says("listening")
  const told: OnCommand = (...what) => command(...what)
  return { directory, path, configure, lines, reopened, flushed, clock, workers, exits, told, done, says }
}

const RELOADED = { level: "info", message: "configuration reloaded" }

describe("a reload says in the log", () => {
  const cases: readonly (readonly [what: string, text: (directory: string) => string, lines: object[]])[] = [
    [
      "that it is done, when all of it is in force",
      (directory) => `${serverAt(directory)}worker_shutdown_timeout 5s;\n`,
      [{ ...RELOADED, changes: ["~ shutdown"] }],
    ],
    [
      "what waits for the next start",
      (directory) => `worker_processes 7;\n${serverAt(directory, " backlog=5")}`,
      [
        { ...RELOADED, changes: ["~ listener unix:DIRECTORY/s.sock", "~ workers"] },
        {
          level: "warn",
          message: "changed settings that hold from the next start only",
          settings: "workers (worker_processes), backlog of unix:DIRECTORY/s.sock",
        },
      ],
    ],
    [
      "its problems",
      (directory) => serverAt(directory).replace("grpc_pass", "grpc_pas"),
      [
        {
          level: "error",
          message: "the configuration has errors; the old one stays",
          problems: [expect.stringMatching(/nginx.conf:1:\d+: unknown directive "grpc_pas"/)],
        },
      ],
    ],
    [
      "ten of many",
      () => "x;\n".repeat(12),
      [
        {
          level: "error",
          message: "the configuration has errors; the old one stays",
          problems: [
            ...Array.from(
              { length: 10 },
              (_, index) => `DIRECTORY/nginx.conf:${index + 1}:1: unknown directive "x"`,
            ),
            "and 2 more",
          ],
        },
      ],
    ],
  ]

  test.for(cases)("%s", async ([, text, expected], t) => {
    const { directory, configure, lines, reopened, told } = await start(t)
    configure(text(directory))
    told("reload", "SIGHUP")
    // Logs are opened anew last of all, also when the old configuration stays.
    await eventually(
      () => reopened.length === 1,
      () => "the reload is over",
    )
    const said = lines.lines.slice(1).map(({ time: _, ...line }) => line)
    expect(JSON.parse(JSON.stringify(said).replaceAll(directory, "DIRECTORY"))).toEqual(expected)
  })
})

describe("a stop", () => {
  test.for([
    [null, 0, "stopped"],
    ["disk full", 1, "could not stop cleanly"],
  ] as const)("of threads that end with %s", async ([problem, code, message], t) => {
    const { workers, told, done, lines } = await start(t)
    workers[1]!.stopProblem = problem
    told("stop", "SIGTERM")
    expect(await done).toBe(code)
    expect(lines.lines.map((line) => line.message)).toEqual(["listening", "draining", message])
  })

  test("once more ends at once, after the last lines of all logs", async (t) => {
    const { workers, told, exits, flushed } = await start(t)
    for (const worker of workers) worker.hangsAtStop = true
    for (const _ of [0, 1]) told("stop", "SIGTERM")
    expect(exits).toEqual([])
    await eventually(
      () => exits.length > 0,
      () => "it ends",
    )
    expect(workers.map(({ heard }) => heard.at(-1))).toEqual(["flush", "flush"])
    expect([exits, flushed]).toEqual([[0], ["log"]])
  })

  test("a third time does not wait for them", async (t) => {
    const { workers, told, exits } = await start(t)
    for (const worker of workers) worker.hangsAtStop = true
    for (const _ of [0, 1, 2]) told("stop", "SIGTERM")
    expect(exits).toEqual([0])
  })

  test("is not undone by a reload or an upgrade", async (t) => {
    const { workers, told, says } = await start(t)
    for (const worker of workers) worker.hangsAtStop = true
    told("stop", "SIGTERM")
    told("reload", "SIGHUP")
    told("upgrade", "SIGUSR2")
    await says("cannot reload; the old configuration stays")
    await says("no upgrade: the balancer is shutting down")
  })
})

test("told to open the logs anew, all do", async (t) => {
  const { workers, reopened, told } = await start(t)
  told("reopen", "SIGUSR1")
  expect(workers.map(({ heard }) => heard.at(-1))).toEqual(["reopen", "reopen"])
  expect(reopened).toEqual(["log"])
})

test("reloads are done one after the other", async (t) => {
  const { told, workers, reopened } = await start(t)
  told("reload", "SIGHUP")
  told("reload", "SIGHUP")
  await eventually(
    () => reopened.length === 2,
    () => "both are over",
  )
  const reload = ["prepare", "commit", "reopen"]
  expect(workers[0]!.heard).toEqual(["start", ...reload, ...reload])
})

test("a long configuration comes in parts, the next when one is taken", async (t) => {
  const { directory, configure, told, workers, says } = await start(t)
  const locations = Array.from({ length: 300 }, (_, at) => `location /${at} { grpc_pass 127.0.0.1:3000; }`)
  configure(`server { listen unix:${directory}/s.sock http2; ${locations.join("\n")} }`)
  told("reload", "SIGHUP")
  await says("configuration reloaded")
  const { heard } = workers[0]!
  const parts = heard.filter((kind) => kind === "prepare-part")
  expect(parts.length).toBeGreaterThan(2)
  expect(heard.slice(0, heard.indexOf("commit"))).toEqual(["start", "prepare", ...parts])
})

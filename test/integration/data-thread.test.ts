import { on } from "node:events"
import { Worker } from "node:worker_threads"
import { expect, test } from "vitest"
import type { FromThread, ToThread } from "../../src/balancer/thread/contract.ts"
import { makeMemory } from "../../src/balancer/thread/shared-numbers.ts"
import { defaultConfig } from "../../src/config/defaults.ts"

const PROGRAM = new URL("../../src/balancer/thread/data-thread.ts", import.meta.url)

test("a data thread answers for every part of a configuration, also one it cannot use", async (t) => {
  const worker = new Worker(PROGRAM)
  t.onTestFinished(() => void worker.terminate())
  const messages = on(worker, "message")
  /** Those of a reload, up to one of `kind`. */
  const toldUntil = async (kind: FromThread["kind"]): Promise<FromThread[]> => {
    const told: FromThread[] = []
    for (;;) {
      const [message] = (await messages.next()).value as [FromThread]
      if (message.kind !== "event") told.push(message)
      if (message.kind === kind) return told
    }
  }
  const tell = (message: ToThread): void => worker.postMessage(message)
  const common = {
    config: { ...defaultConfig(), listeners: [] },
    sockets: {},
    state: { version: 1, clusters: [] },
    memory: makeMemory(1),
  }
  const log = { level: "error", path: "stderr", format: "json", color: false } as const
  tell({ kind: "start", index: 0, log, version: 0, ...common })
  await toldUntil("ready")

  tell({ kind: "prepare", version: 1, parts: 2, ...common })
  tell({ kind: "prepare-part", version: 1, part: [{ path: ["config", "not", "there"], items: [1] }] })
  const [why, taken] = await toldUntil("taken")
  expect([why, taken]).toEqual([
    { kind: "prepared", version: 1, problem: expect.any(String) },
    { kind: "taken", version: 1 },
  ])
  tell({ kind: "prepare-part", version: 1, part: [] })
  expect(await toldUntil("taken")).toEqual([
    { kind: "prepared", version: 1, problem: "no configuration 1 is arriving" },
    { kind: "taken", version: 1 },
  ])
  tell({ kind: "prepare", version: 2, parts: 0, ...common })
  expect(await toldUntil("prepared")).toEqual([{ kind: "prepared", version: 2, problem: null }])
})

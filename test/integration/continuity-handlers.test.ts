/** Every mode with every kind of handler that streams, as gRPC's libraries call them: some say their head late. */
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as pause } from "node:timers/promises"
import { Client, credentials, status as grpcStatus, type StatusObject } from "@grpc/grpc-js"
import { describe, expect, type TestContext, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { eventually } from "../support/eventually.ts"
import { goPeers, HOW_TO_GET_GO } from "../support/go-peers.ts"
import { HOW_TO_GET_JAVA, javaHandlers } from "../support/java-peers.ts"
import { TestBed } from "../support/test-bed.ts"

const HANDLERS = join(import.meta.dirname, "handlers")
const PYTHON = join(import.meta.dirname, "../../.cache/continuity/python/bin/python")
const GAP_MAX_MS = 300

const goFolder = goPeers()

interface Library {
  /** How its handlers are started; null: not here. */
  readonly command: string[] | null
  readonly needs: string
  /** Its first call takes longer than a gap may. */
  readonly isSlowAtFirst?: boolean
  /** Where a method has one answer, its head leaves with that: such a stream cannot be handed off or resumed. */
  readonly hasLateHeads?: boolean
}

const libraries: Record<string, Library> = {
  "grpc-js": { command: [process.execPath, join(HANDLERS, "handlers.ts")], needs: "" },
  grpcio: {
    command: existsSync(PYTHON) ? [PYTHON, join(HANDLERS, "handlers.py")] : null,
    needs: "grpcio in .cache/continuity/python (examples/continuity/README.md)",
  },
  "grpc-go": { command: goFolder === null ? null : [join(goFolder, "handlers")], needs: HOW_TO_GET_GO },
  "grpc-java": {
    command: javaHandlers(),
    needs: HOW_TO_GET_JAVA,
    isSlowAtFirst: true,
    hasLateHeads: true,
  },
}

interface Backend {
  readonly child: ChildProcess
  readonly address: string
  readonly exit: Promise<unknown>
}

async function start(t: TestContext, [command, ...args]: string[]): Promise<Backend> {
  const child = spawn(command!, args, { stdio: ["pipe", "pipe", "inherit"] })
  const exit = new Promise((resolve) => child.once("exit", resolve))
  t.onTestFinished(() => void child.kill("SIGKILL"))
  child.stdin.on("error", () => {})
  const port = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [, bound] = /listening on (\d+)/.exec(line) ?? []
      if (bound !== undefined) resolve(bound)
    })
    child.once("exit", () => reject(new Error(`${command} did not start`)))
  })
  return { child, address: `127.0.0.1:${port}`, exit }
}

/** A call that asks for no number. */
async function callOnce({ address }: Backend): Promise<void> {
  const client = new Client(address, credentials.createInsecure())
  const call = client.makeServerStreamRequest("/kinds.Kinds/Serve", octets, octets, message(0))
  await new Promise((resolve) => call.on("data", () => {}).on("status", resolve))
  client.close()
}

const message = (number: number, token?: number): Buffer =>
  Buffer.from([8, number, ...(token === undefined ? [] : [16, token])])
const octets = (value: Buffer): Buffer => value

type Method = "Serve" | "Chat" | "Collect"
type Mode = "handoff" | "resume" | "cursor" | "lockstep" | "restart" | "replay"
type Continuity = NonNullable<SluiceYaml["continuity"]>

const goesOn = (mode: Mode): Continuity => ({
  mode: mode === "handoff" ? ["handoff", "resume"] : mode,
  // In these two a head has to come, which takes a while where much else goes on.
  ...(mode !== "handoff" && mode !== "resume" && { gapMax: `${GAP_MAX_MS}ms` }),
  ...(mode === "cursor" && { from: "1", into: "2" }),
})

/** What the client gets, all in all. */
const cases: [Method, Mode, NodeJS.Signals, answers: number[]][] = [
  ["Serve", "handoff", "SIGTERM", [1, 2, 3, 4]],
  ["Serve", "resume", "SIGKILL", [1, 2, 3, 4]],
  ["Serve", "cursor", "SIGKILL", [1, 2, 3, 4]],
  ["Serve", "restart", "SIGKILL", [1, 2, 1, 2, 3, 4]],
  ["Serve", "replay", "SIGKILL", [1, 2, 3, 4]],
  ["Chat", "handoff", "SIGTERM", [1, 2, 3, 4]],
  ["Chat", "resume", "SIGKILL", [1, 2, 3, 4]],
  ["Chat", "lockstep", "SIGKILL", [1, 2, 3, 4]],
  ["Chat", "restart", "SIGKILL", [1, 2, 1, 4]],
  ["Chat", "replay", "SIGKILL", [1, 2, 3, 4]],
  ["Collect", "handoff", "SIGTERM", [4]],
  ["Collect", "resume", "SIGKILL", [4]],
  ["Collect", "lockstep", "SIGKILL", [4]],
  ["Collect", "replay", "SIGKILL", [4]],
]

for (const [library, { command, needs, isSlowAtFirst, hasLateHeads }] of Object.entries(libraries)) {
  if (command === null) console.info(`skipped: handlers on ${library}: ${needs}`)

  describe.skipIf(command === null)(`handlers on ${library}`, () => {
    const isLate = ([method, mode]: (typeof cases)[number]): boolean =>
      hasLateHeads === true && method === "Collect" && (mode === "handoff" || mode === "resume")
    test.for(cases.filter((one) => !isLate(one)))(
      "%s goes on by %s after %s",
      async ([method, mode, signal, answers], t) => {
        const backends = await Promise.all([start(t, command!), start(t, command!)])
        if (isSlowAtFirst === true) await Promise.all(backends.map(callOnce))
        const bed = await TestBed.start(t, {
          backends: 0,
          config: {
            clusters: { test: backends.map(({ address }) => address) },
            continuity: goesOn(mode),
          },
        })
        const allow = (number: number): void => {
          for (const { child } of backends) child.stdin!.write(`${number}\n`)
        }
        const serving = (): Backend | undefined => {
          const { endpoints } = bed.balancer.snapshot().clusters[0]!
          const address = endpoints.find(({ streamsOpen }) => streamsOpen > 0)?.address
          return backends.find((one) => one.address === address)
        }
        allow(2)
        const got: number[] = []
        const endings: StatusObject[] = []
        const client = new Client(`127.0.0.1:${bed.port}`, credentials.createInsecure())
        t.onTestFinished(() => client.close())
        const call = client.makeBidiStreamRequest(`/kinds.Kinds/${method}`, octets, octets)
        let hasHead = false
        call.on("metadata", () => (hasHead = true))
        call.on("data", (one: Buffer) => got.push(one[1]!))
        call.on("status", (ending) => endings.push(ending))
        call.on("error", () => {})
        const state = () => `got ${got.join(" ")}; ${JSON.stringify(endings)}`
        if (method === "Serve") call.end(message(4))
        else for (const number of [1, 2, 3]) call.write(message(number))
        // Nothing can be resumed of a stream whose backend has said nothing.
        const isAware = mode === "handoff" || mode === "resume"
        await eventually(
          () => (method === "Collect" ? hasHead || !isAware : got.length === 2) && serving() !== undefined,
          () => `it is served: ${state()}`,
        )
        const first = serving()!
        allow(0)
        first.child.kill(signal)
        await first.exit
        await eventually(
          () => serving() !== undefined && serving() !== first,
          () => `another has it: ${state()}`,
        )
        // It says nothing for longer than a stream may be without a backend, and that is no gap.
        await pause(2 * GAP_MAX_MS)
        expect(endings).toEqual([])
        if (method !== "Serve") call.end(message(4))
        allow(4)
        await eventually(
          () => endings.length > 0,
          () => `it ends: ${state()}`,
        )
        expect([endings[0]!.code, got]).toEqual([grpcStatus.OK, answers])
      },
    )
  })
}

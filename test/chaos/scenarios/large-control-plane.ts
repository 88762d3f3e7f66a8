import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Client, credentials, Metadata } from "@grpc/grpc-js"
import { Child } from "../../../bench/measure/child.ts"
import { WhereBackend } from "../../conformance/xds/backends.ts"
import { askAdmin } from "../../support/admin-client.ts"
import { freePort } from "../../support/free-port.ts"
import { resource, StandInControlPlane } from "../../support/stand-ins/control-plane.ts"
import {
  CLUSTER,
  cluster,
  ENDPOINTS,
  endpoints,
  LISTENER,
  listener,
  ROUTES,
  routes,
} from "../../support/xds-resources.ts"
import { type Check, check, type Scenario } from "../scenario.ts"
import { pause } from "../stage.ts"

const SLUICE = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url))
const CLUSTER_COUNT = 100
const ENDPOINT_COUNT = 10_000
const ROUTE_COUNT = 5_000
const LIVE_MS = 2_000
const TURN_MS = 5
const LOOK_EVERY_MS = 20
const LOOK_AT_TURNS_EVERY_MS = 900
const GIVE_UP_MS = 30_000
const CALLS_EVERY_MS = 10

const asItIs = (octets: Buffer): Buffer => octets
const to = (name: string, path: string) => ({
  match: { path },
  route: { cluster: name, prefixRewrite: "/where.Where/Am" },
})

/** Sluice under a control plane that tells it of much all at once, while calls go on. */
class LargeStage {
  readonly plane = new StandInControlPlane()
  failed = 0
  calls = 0
  longestTurnMs = 0
  readonly #directory = mkdtempSync(join(tmpdir(), "sluice-large-"))
  #backend: WhereBackend | null = null
  #sluice: Child | null = null
  #client: Client | null = null
  #admin = 0
  #isOver = false

  async start(): Promise<void> {
    // Every address of 127.0.0.0/8 leads to it.
    this.#backend = await WhereBackend.start(null, "0.0.0.0")
    await this.plane.start()
    const port = await freePort()
    this.#admin = await freePort()
    const bootstrap = join(this.#directory, "bootstrap.yaml")
    const own = join(this.#directory, "sluice.yaml")
    writeFileSync(
      bootstrap,
      JSON.stringify({ server: `127.0.0.1:${this.plane.port}`, node: { id: "large" } }),
    )
    writeFileSync(own, JSON.stringify({ listeners: [], servers: [], admin: this.#admin }))
    this.#sluice = new Child([process.execPath, SLUICE, "run", own, "--xds", bootstrap], undefined, false)
    await this.plane.wants("Cluster")
    this.plane.say(CLUSTER, "1", [cluster("first")])
    await this.plane.wants("ClusterLoadAssignment", "first")
    this.plane.say(ENDPOINTS, "1", [endpoints("first", this.#backend.port)])
    this.plane.say(LISTENER, "1", [listener("in", port)])
    await this.plane.wants("RouteConfiguration", "routes")
    this.plane.say(ROUTES, "1", [routes("routes", to("first", "/first"))])
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
    if ((await this.until("/first")) === null) throw new Error(`it does not begin: ${this.#sluice.lastWords}`)
    void this.#callAllTheTime()
  }

  /** How long it took until a path was answered, milliseconds; null: it never was. */
  async until(path: string): Promise<number | null> {
    const fromMs = performance.now()
    while (performance.now() - fromMs < GIVE_UP_MS) {
      if ((await this.call(path)) !== null) return performance.now() - fromMs
      await pause(LOOK_EVERY_MS)
    }
    return null
  }

  /** The address that answered; null: there was no answer. */
  call(path: string): Promise<string | null> {
    return new Promise((resolve) => {
      const deadline = Date.now() + GIVE_UP_MS
      this.#client!.makeUnaryRequest(
        path,
        asItIs,
        asItIs,
        Buffer.alloc(0),
        new Metadata(),
        { deadline },
        (error, answer) => resolve(error === null ? String(answer) : null),
      )
    })
  }

  /** What is there already works on. */
  async #callAllTheTime(): Promise<void> {
    while (!this.#isOver) {
      this.calls++
      void this.call("/first").then((who) => {
        if (who === null && !this.#isOver) this.failed++
      })
      await pause(CALLS_EVERY_MS)
    }
  }

  /** Of the data thread, within the last second. */
  async look(): Promise<void> {
    const { text } = await askAdmin(this.#admin, "/metrics")
    for (const [, value] of text.matchAll(/^sluice_thread_turn_max_seconds\{[^}]*\} (\S+)$/gm))
      this.longestTurnMs = Math.max(this.longestTurnMs, 1000 * Number(value))
  }

  resources() {
    const { port } = this.#backend!
    const names = Array.from({ length: CLUSTER_COUNT }, (_, at) => `c${at}`)
    const each = ENDPOINT_COUNT / CLUSTER_COUNT
    const addressOf = (index: number): string =>
      `127.${1 + (index >> 14)}.${(index >> 7) & 127}.${1 + (index & 127)}`
    const assigned = names.map((clusterName, at) =>
      resource(ENDPOINTS, {
        clusterName,
        endpoints: [
          {
            lbEndpoints: Array.from({ length: each }, (_, i) => ({
              endpoint: {
                address: { socketAddress: { address: addressOf(at * each + i), portValue: port } },
              },
            })),
          },
        ],
      }),
    )
    const all = Array.from({ length: ROUTE_COUNT }, (_, at) => to(`c${at % CLUSTER_COUNT}`, `/route/${at}`))
    return {
      names,
      clusters: [cluster("first"), ...names.map((name) => cluster(name))],
      endpoints: [endpoints("first", port), ...assigned],
      routes: routes("routes", to("first", "/first"), ...all),
    }
  }

  end(): void {
    this.#isOver = true
    this.#client?.close()
    this.#sluice?.process.kill("SIGKILL")
    this.plane.stop()
    this.#backend?.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

export const largeControlPlane: Scenario = {
  name: "large-control-plane",
  part: "fleet",
  says: `a control plane tells Sluice of ${ENDPOINT_COUNT.toLocaleString("en-US")} endpoints and ${ROUTE_COUNT.toLocaleString("en-US")} routes at once, while calls go on`,
  async run(): Promise<Check[]> {
    const stage = new LargeStage()
    try {
      await stage.start()
      const { names, clusters, endpoints: assigned, routes: all } = stage.resources()
      // The turns of the start are over.
      await pause(2_000)
      // What is told is of the last second. An answer has some 200,000 lines, which the control side makes beside all else.
      const looking = setInterval(() => void stage.look().catch(() => {}), LOOK_AT_TURNS_EVERY_MS)
      const fromMs = performance.now()
      stage.plane.say(CLUSTER, "2", clusters)
      stage.plane.say(ROUTES, "2", [all])
      await stage.plane.wants("ClusterLoadAssignment", ...names)
      stage.plane.say(ENDPOINTS, "2", assigned)
      await stage.until(`/route/${ROUTE_COUNT - 1}`)
      const liveMs = performance.now() - fromMs
      // One after the other: a hundred connections are made, which are no part of what is measured.
      let answered = 0
      for (const at of names.keys()) if ((await stage.call(`/route/${at}`)) !== null) answered++
      await pause(1_500)
      clearInterval(looking)
      return [
        check("until a call on the last route was answered", `${Math.round(liveMs)} ms`, liveMs < LIVE_MS),
        check(
          "longest turn of the data thread meanwhile",
          `${stage.longestTurnMs.toFixed(1)} ms`,
          stage.longestTurnMs <= TURN_MS,
        ),
        check("clusters that answer", answered, answered === names.length),
        check("calls on the route that was there", stage.calls, true),
        check("of these that failed", stage.failed, stage.failed === 0),
      ]
    } finally {
      stage.end()
    }
  },
}

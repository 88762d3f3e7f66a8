import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Child } from "../../../bench/measure/child.ts"
import { Unavailable } from "../../conformance/result.ts"
import { WhereBackend } from "../../conformance/xds/backends.ts"
import { XdsClient } from "../../conformance/xds/client.ts"
import { xdsClientKinds, xdsClientProgram } from "../../conformance/xds/suite.ts"
import { freePort } from "../../support/free-port.ts"
import { type Check, check, type Scenario } from "../scenario.ts"
import { untilPrinted } from "../stage.ts"

const SLUICE = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url))
const INTERVAL_MS = 200
const CHANGES = 10
const MOST_MS = 1_000
const GIVE_UP_MS = 20_000

/** From the moment when a backend says so itself to the first ten calls of which none, or one, came to it, milliseconds. */
async function changeMs(client: XdsClient, backend: WhereBackend, isServing: boolean): Promise<number> {
  const fromMs = performance.now()
  backend.isServing = isServing
  while (performance.now() - fromMs < GIVE_UP_MS) {
    const { by } = await client.call({ calls: 10 })
    if ((by[backend.address] !== undefined) === isServing) return performance.now() - fromMs
  }
  return Number.POSITIVE_INFINITY
}

async function run(): Promise<Check[]> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-health-"))
  const backends = [await WhereBackend.start(), await WhereBackend.start()] as const
  const [port, xds] = [await freePort(), await freePort()]
  const config = join(directory, "sluice.yaml")
  const bootstrap = join(directory, "bootstrap.json")
  const checks = { type: "grpc", interval: `${INTERVAL_MS}ms`, timeout: "1s", fails: 1, passes: 1 }
  const cluster = { endpoints: backends.map(({ address }) => address), healthCheck: checks }
  writeFileSync(config, JSON.stringify({ listeners: port, admin: { xds }, clusters: { chat: cluster } }))
  const sluice = new Child([process.execPath, SLUICE, "run", "--json", config], undefined, false)
  const results: Check[] = []
  try {
    await untilPrinted(sluice, "listening")
    const server = { server_uri: `127.0.0.1:${xds}`, channel_creds: [{ type: "insecure" }] }
    writeFileSync(
      bootstrap,
      JSON.stringify({
        xds_servers: [{ ...server, server_features: ["xds_v3"] }],
        node: { id: "health", locality: {} },
      }),
    )
    for (const kind of xdsClientKinds) {
      const what = `${kind}: until a change of health is heeded, median / longest of ${2 * CHANGES}`
      try {
        const program = await xdsClientProgram(kind)
        const client = new XdsClient(program, "xds:///chat", "plain", bootstrap)
        try {
          await changeMs(client, backends[0], true)
          const times: number[] = []
          for (let i = 0; i < CHANGES; i++)
            for (const isServing of [false, true]) times.push(await changeMs(client, backends[0], isServing))
          times.sort((one, other) => one - other)
          const longest = times.at(-1)!
          const text = `${Math.round(times[CHANGES]!)} / ${Math.round(longest)} ms`
          results.push(check(what, text, longest < MOST_MS))
        } finally {
          client.stop()
        }
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        results.push(check(what, `not here: ${error.message}`, true))
      }
    }
    return results
  } finally {
    sluice.process.kill("SIGKILL")
    for (const backend of backends) backend.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

export const healthTold: Scenario = {
  name: "health-told",
  part: "fleet",
  says: `a backend says by grpc.health.v1 that it does not serve, and that it serves again; Sluice asks it every ${INTERVAL_MS} ms, and clients without a proxy are told by its xDS server`,
  run,
}

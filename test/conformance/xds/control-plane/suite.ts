/** go-control-plane's own test program as the control plane of `sluice run --xds`. */
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { createServer as createListener } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { start } from "../../child.ts"
import { goProgram } from "../../go-modules.ts"
import { type FailedCase, type SuiteContext, type SuiteResult, Unavailable } from "../../result.ts"

const SLUICE = fileURLToPath(new URL("../../../../src/cli/main.ts", import.meta.url))
const MESSAGE = "Default message"
const SNAPSHOTS = 3
/** HTTP and TCP, two of each, one port after the other. */
const LISTENERS = 4

/** Each snapshot is a case: it passes where every listener answers once its resources are in force. */
export async function goControlPlane(
  { through }: SuiteContext,
  mode: "ads" | "delta-ads",
): Promise<SuiteResult> {
  if (through !== "sluice") throw new Unavailable(`${through} is told nothing by xDS here`)
  const program = await goProgram("controlPlane", "main")
  const directory = mkdtempSync(join(tmpdir(), "sluice-xds-"))
  const upstream = createServer((_request, response) => response.end(MESSAGE)).listen(0, "127.0.0.1")
  await once(upstream, "listening")
  const [port, gateway, als] = [await freePorts(1), await freePorts(1), await freePorts(1)]
  const bootstrap = join(directory, "bootstrap.json")
  writeFileSync(
    bootstrap,
    JSON.stringify({ server: `127.0.0.1:${port}`, api: mode, node: { id: "test-id" } }),
  )
  // It waits for no control plane that is not there, and connects once it is.
  const sluice = start(process.execPath, [SLUICE, "run", "--xds", bootstrap])
  try {
    while (!sluice.output().includes('"message":"listening"')) {
      if (sluice.output().includes("cannot start")) throw new Error(sluice.output())
      await sleep(50)
    }
    const plane = start(program, [
      `-xds=${mode}`,
      ...flag("port", port),
      ...flag("gateway", gateway),
      ...flag("als", als),
      ...flag("upstream", (upstream.address() as AddressInfo).port),
      ...flag("base", await freePorts(LISTENERS)),
      ...["scopedhttp", "vhdshttp", "runtimes", "extension"].flatMap((name) => flag(name, 0)),
      ...flag("u", SNAPSHOTS),
      ...flag("r", 10),
    ])
    const code = await plane.exited
    const passed = [...plane.output().matchAll(/request batch 9, .* pass true/g)].length
    const failed = Array.from({ length: SNAPSHOTS - passed }, (_, at): FailedCase => {
      return {
        name: `${mode}: snapshot ${passed + at + 1}`,
        reason: plane.output().trim().split("\n").at(-1) ?? "",
      }
    })
    if (failed.length === 0 && code !== 0) failed.push({ name: mode, reason: `it ended with ${code}` })
    if (sluice.output().includes("are refused"))
      failed.push({ name: `${mode}: no NACK`, reason: /"reason":"([^"]*)/.exec(sluice.output())?.[1] ?? "" })
    return { cases: SNAPSHOTS, failed: failed.slice(0, SNAPSHOTS) }
  } finally {
    await sluice.stop()
    upstream.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

const flag = (name: string, value: number): string[] => [`-${name}`, String(value)]

/** The first of so many that are free, one after the other. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = createListener().listen(0, "127.0.0.1")
    await once(first, "listening")
    const { port } = first.address() as AddressInfo
    const rest = Array.from({ length: count - 1 }, (_, at) =>
      createListener().listen(port + 1 + at, "127.0.0.1"),
    )
    const are = await Promise.all(
      rest.map((server) =>
        Promise.race([once(server, "listening").then(() => true), once(server, "error").then(() => false)]),
      ),
    )
    for (const server of [first, ...rest]) if (server.listening) server.close()
    if (are.every((isFree) => isFree)) return port
  }
}

import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Metadata } from "@grpc/grpc-js"
import { expect, type TestContext, test } from "vitest"
import { freePort, SluiceProcess, testDirectory } from "../support/sluice-process.ts"
import { StandInControlPlane } from "../support/stand-ins/control-plane.ts"
import { EchoBackend, echoClient } from "../support/test-bed.ts"
import {
  CLUSTER,
  cluster,
  ENDPOINTS,
  endpoints,
  everything,
  LISTENER,
  listener,
  ROUTES,
  routes,
} from "../support/xds-resources.ts"

/** Sluice under a control plane, and nothing else. */
function startSluice(t: TestContext, plane: StandInControlPlane, more: object = {}): SluiceProcess {
  const path = join(testDirectory(t), "bootstrap.yaml")
  writeFileSync(path, JSON.stringify({ server: `127.0.0.1:${plane.port}`, node: { id: "test" }, ...more }))
  return new SluiceProcess(t, { listeners: [], servers: [] }, {}, ([program, ...args], env) =>
    spawn(program!, [...args, "--xds", path], { env }),
  )
}

async function startPlane(t: TestContext): Promise<StandInControlPlane> {
  const plane = new StandInControlPlane()
  await plane.start()
  t.onTestFinished(() => plane.stop())
  return plane
}

async function backendsOf(t: TestContext, ...names: string[]): Promise<number[]> {
  const backends = names.map((name) => new EchoBackend(name))
  for (const backend of backends) {
    await backend.start()
    t.onTestFinished(() => backend.close())
  }
  return backends.map(({ port }) => port)
}

/** Who answers, or with what status. */
async function ask(t: TestContext, port: number, metadata = new Metadata()): Promise<string> {
  const client = echoClient(port)
  t.onTestFinished(() => client.close())
  const { code, initial } = await client.unary(Buffer.from("hello"), metadata)
  return code === 0 ? String(initial!.get("x-backend")[0]) : `status ${code}`
}

test("state of the world, from the bootstrap to a call", async (t) => {
  const [a, b] = (await backendsOf(t, "a", "b")) as [number, number]
  const plane = await startPlane(t)
  const port = await freePort()
  const sluice = startSluice(t, plane)
  const first = await plane.wants("Cluster")
  expect(first.node).toMatchObject({ id: "test", userAgentName: "sluice" })
  const said = plane.say(CLUSTER, "1", [cluster("chat")])
  expect(await plane.answered(said)).toBeNull()
  await plane.wants("ClusterLoadAssignment", "chat")
  plane.say(LISTENER, "1", [listener("in", port)])
  await plane.wants("RouteConfiguration", "routes")
  plane.say(ROUTES, "1", [routes("routes", everything("chat"))])
  // Not before the endpoints are known.
  expect(sluice.said).not.toContain('"message":"listening"')
  plane.say(ENDPOINTS, "1", [endpoints("chat", a)])
  await sluice.says('"message":"listening"')
  expect(await ask(t, port)).toBe("a")

  // Other endpoints are no reload.
  plane.say(ENDPOINTS, "2", [endpoints("chat", b)])
  await sluice.says("endpoints")
  await eventuallyAsk(t, port, "b")
  expect(sluice.said).not.toContain("configuration reloaded")

  // A route to a cluster that warms is not used before it is warm.
  plane.say(CLUSTER, "2", [cluster("chat"), cluster("other")])
  plane.say(ROUTES, "2", [routes("routes", everything("other"))])
  await plane.wants("ClusterLoadAssignment", "chat", "other")
  expect(await ask(t, port)).toBe("b")
  plane.say(ENDPOINTS, "3", [endpoints("chat", b), endpoints("other", a)])
  await eventuallyAsk(t, port, "a")

  expect(plane.requests.filter(({ node }) => node !== undefined)).toHaveLength(1)
  sluice.signal("SIGTERM")
  expect(await sluice.ended).toBe(0)
  expect(sluice.said).not.toContain("unexpected error")
})

async function eventuallyAsk(t: TestContext, port: number, who: string): Promise<void> {
  let last = ""
  for (let i = 0; i < 100 && last !== who; i++) last = await ask(t, port)
  expect(last).toBe(who)
}

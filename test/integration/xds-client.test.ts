import { spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { connect, createSecureContext } from "node:tls"
import { credentials, Metadata } from "@grpc/grpc-js"
import { expect, type TestContext, test } from "vitest"
import { Certificate } from "../support/certificates.ts"
import { freePort } from "../support/free-port.ts"
import { SluiceProcess, testDirectory } from "../support/sluice-process.ts"
import { resource, StandInControlPlane } from "../support/stand-ins/control-plane.ts"
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
  SECRET,
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

test("a bootstrap that cannot be read is a wrong configuration: exit code 2, and the field", async (t) => {
  const plane = await startPlane(t)
  const sluice = startSluice(t, plane, { api: "grpc" })
  expect(await sluice.ended).toBe(2)
  expect(sluice.said).toContain("api")
})

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

test("deltas, certificates by SDS that rotate under a live stream, and a control plane that goes and comes back", async (t) => {
  const [a] = (await backendsOf(t, "a")) as [number]
  const plane = await startPlane(t)
  const port = await freePort()
  const sluice = startSluice(t, plane, { api: "delta-ads" })
  const ca = await Certificate.root("CN=first")
  const secret = (one: Certificate) =>
    resource(SECRET, {
      name: "cert",
      tlsCertificate: { certificateChain: { inlineString: one.pem }, privateKey: { inlineString: one.key } },
    })
  const tls = {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    commonTlsContext: {
      alpnProtocols: ["h2"],
      tlsCertificateSdsSecretConfigs: [{ name: "cert", sdsConfig: { ads: {}, resourceApiVersion: "V3" } }],
    },
  }
  const secured = listener("in", port, "routes", {}, { transportSocket: { name: "tls", typedConfig: tls } })
  await plane.wants("Listener")
  plane.sayDelta(LISTENER, [["in", "1", secured]])
  await plane.wants("Secret", "cert")
  plane.sayDelta(CLUSTER, [["chat", "1", cluster("chat")]])
  await plane.wants("ClusterLoadAssignment", "chat")
  plane.sayDelta(ENDPOINTS, [["chat", "1", endpoints("chat", a)]])
  plane.sayDelta(ROUTES, [["routes", "1", routes("routes", everything("chat"))]])
  expect(sluice.said).not.toContain('"message":"listening"')
  plane.sayDelta(SECRET, [["cert", "1", secret(ca)]])
  await sluice.says('"message":"listening"')
  expect(sluice.said).not.toContain("PRIVATE KEY")

  const shown = async (): Promise<string> => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"] })
    await once(socket, "secureConnect")
    const { subject } = socket.getPeerCertificate()
    socket.destroy()
    return subject.CN as string
  }
  expect(await shown()).toBe("first")
  const client = echoClient(
    port,
    {},
    credentials.createFromSecureContext(createSecureContext({ ca: ca.pem }), { rejectUnauthorized: false }),
  )
  t.onTestFinished(() => client.close())
  const chat = client.chat()
  chat.on("error", () => {})
  const echoed = (): Promise<string> =>
    new Promise((resolve) => chat.once("data", (octets: Buffer) => resolve(octets.toString())))
  chat.write(Buffer.from("before"))
  expect(await echoed()).toBe("before")

  // A key that is not the certificate's is refused, and what was there before stays.
  const second = await Certificate.root("CN=second")
  const wrong = resource(SECRET, {
    name: "cert",
    tlsCertificate: { certificateChain: { inlineString: second.pem }, privateKey: { inlineString: ca.key } },
  })
  const refused = plane.sayDelta(SECRET, [["cert", "2", wrong]])
  expect(await plane.answered(refused)).toContain("it is not the key of the certificate")
  plane.sayDelta(SECRET, [["cert", "3", secret(second)]])
  await sluice.says("configuration reloaded")
  expect(await shown()).toBe("second")
  chat.write(Buffer.from("after"))
  expect(await echoed()).toBe("after")

  // Gone, and back: nothing has changed meanwhile, and what is held is told.
  plane.stop()
  await sluice.says("the control plane is not there")
  expect(await shown()).toBe("second")
  plane.requests.length = 0
  await plane.start()
  const again = await plane.wants("Cluster")
  expect(again).toMatchObject({ initialResourceVersions: { chat: "1" } })
  chat.write(Buffer.from("still"))
  expect(await echoed()).toBe("still")
  chat.cancel()
  expect(sluice.said).not.toContain("unexpected error")
})

test("a message of 100 MB is refused in one line, and what there is stays", async (t) => {
  const [a] = (await backendsOf(t, "a")) as [number]
  const plane = await startPlane(t)
  const port = await freePort()
  const sluice = startSluice(t, plane)
  await plane.wants("Cluster")
  plane.say(CLUSTER, "1", [cluster("chat")])
  await plane.wants("ClusterLoadAssignment", "chat")
  plane.say(ENDPOINTS, "1", [endpoints("chat", a)])
  plane.say(LISTENER, "1", [listener("in", port)])
  await plane.wants("RouteConfiguration", "routes")
  plane.say(ROUTES, "1", [routes("routes", everything("chat"))])
  await sluice.says('"message":"listening"')
  plane.raw(Buffer.alloc(100 * 1024 * 1024))
  await sluice.says("more than controlPlaneMessageOctets (67108864)")
  expect(sluice.times("controlPlaneMessageOctets")).toBe(1)
  expect(await ask(t, port)).toBe("a")
})

test("one Sluice under another: targets by name", async (t) => {
  const [a, b] = (await backendsOf(t, "a", "b")) as [number, number]
  const [xds, port] = [await freePort(), await freePort()]
  const upper = new SluiceProcess(t, {
    listeners: "127.0.0.1:0",
    admin: { xds },
    servers: [
      {
        names: "chat.test",
        routes: [
          { prefix: "/other.", cluster: "other" },
          { prefix: "/", cluster: "chat" },
        ],
      },
    ],
    clusters: { chat: [`127.0.0.1:${a}`], other: [`127.0.0.1:${b}`] },
  })
  await upper.says('"message":"listening"')
  const lower = startSluice(t, { port: xds } as StandInControlPlane, {
    targets: { listen: `127.0.0.1:${port}`, names: ["chat.test", "other"] },
  })
  await lower.says('"message":"listening"')
  const askAs = async (authority: string): Promise<string> => {
    const client = echoClient(port, { "grpc.default_authority": authority })
    t.onTestFinished(() => client.close())
    const { code, initial } = await client.unary(Buffer.from("hello"))
    return code === 0 ? String(initial!.get("x-backend")[0]) : `status ${code}`
  }
  expect(await askAs("chat.test")).toBe("a")
  expect(await askAs("other")).toBe("b")
  expect(await askAs("nothing.test")).toBe("status 12")
  expect(lower.said).not.toContain("are refused")
})

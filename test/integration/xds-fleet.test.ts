import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, type TestContext, test } from "vitest"
import { askAdmin } from "../support/admin-client.ts"
import { Certificate, CertificateFiles } from "../support/certificates.ts"
import { eventually } from "../support/eventually.ts"
import { freePort } from "../support/free-port.ts"
import { SluiceProcess, testDirectory } from "../support/sluice-process.ts"
import { EchoBackend, echoClient } from "../support/test-bed.ts"

/** Targets of a server of xDS are served by their names. */
const AS_CHAT = { "grpc.default_authority": "chat" }

/** A Sluice that is a control plane, with these backends for `chat`, and what a Sluice under it is started with. */
async function fleet(t: TestContext, backends: readonly EchoBackend[]) {
  for (const backend of backends) {
    await backend.start()
    t.onTestFinished(() => backend.close())
  }
  const files = new CertificateFiles(t)
  const ca = await Certificate.root("CN=ca")
  const server = files.pair("server", await ca.issue({ names: ["plane.test"] }))
  const clientCa = files.write("ca.pem", ca.pem)
  const [xds, port, planeAdmin, edgeAdmin] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const configOf = (backend: EchoBackend): object => ({
    listeners: "127.0.0.1:0",
    admin: {
      address: `127.0.0.1:${planeAdmin}`,
      xds: { address: `127.0.0.1:${xds}`, certificate: server.cert, key: server.key, clientCa },
    },
    clusters: { chat: [`127.0.0.1:${backend.port}`] },
  })
  const plane = new SluiceProcess(t, configOf(backends[0]!))
  await plane.says('"message":"listening"')
  const client = files.pair("client", await ca.issue({ subject: "CN=edge" }))
  const edge = (tls: object, more: object = {}): SluiceProcess => {
    const path = join(testDirectory(t), "bootstrap.yaml")
    const bootstrap = {
      server: { address: `127.0.0.1:${xds}`, tls: { ca: clientCa, serverName: "plane.test", ...tls } },
      api: "delta-ads",
      node: { id: "edge" },
      targets: { listen: `127.0.0.1:${port}`, names: ["chat"] },
    }
    writeFileSync(path, JSON.stringify(bootstrap))
    const own = { listeners: [], servers: [], ...more }
    return new SluiceProcess(t, own, {}, ([program, ...args], env) =>
      spawn(program!, [...args, "--xds", path], { env }),
    )
  }
  const who = async (): Promise<string> => {
    const caller = echoClient(port, AS_CHAT)
    const { code, initial } = await caller.unary(Buffer.from("hello"))
    caller.close()
    return code === 0 ? String(initial!.get("x-backend")[0]) : `status ${code}`
  }
  const reload = async (backend: EchoBackend): Promise<void> => {
    plane.configure(configOf(backend))
    expect((await askAdmin(planeAdmin, "/reload", { method: "POST" })).status).toBe(200)
  }
  const untilWho = async (name: string): Promise<void> => {
    let last = ""
    for (let i = 0; i < 200 && last !== name; i++) last = await who()
    expect(last).toBe(name)
  }
  return { planeAdmin, edge, edgeAdmin, port, client, who, reload, untilWho }
}

interface Shown {
  clients: {
    node: string
    api: string
    subscriptions: { type: string; names: string[]; sentVersion: string; ackedVersion: string }[]
  }[]
}

test("a Sluice under another by deltas over mTLS: what both say of it", async (t) => {
  const [a, b] = [new EchoBackend("a"), new EchoBackend("b")]
  const { planeAdmin, edge, edgeAdmin, client, who, reload, untilWho } = await fleet(t, [a, b])

  const stranger = edge({})
  await stranger.says("control plane")
  expect(((await askAdmin(planeAdmin, "/xds")).json as Shown).clients).toEqual([])
  stranger.signal("SIGKILL")
  await stranger.ended

  const lower = edge(client, { admin: edgeAdmin })
  await lower.says('"message":"listening"')
  expect(await who()).toBe("a")
  const [dump, whole] = [
    await askAdmin(edgeAdmin, "/config_dump"),
    await askAdmin(edgeAdmin, "/config_dump?include_eds"),
  ]
  expect(dump.text).not.toContain("dynamic_endpoint_configs")
  const type = (what: string): string => `type.googleapis.com/envoy.admin.v3.${what}ConfigDump`
  const version = expect.stringMatching(/^\w+\.1$/)
  expect(whole.json).toMatchObject({
    configs: [
      {
        "@type": type("Clusters"),
        version_info: version,
        dynamic_active_clusters: [{ version_info: version, cluster: { name: "chat", type: "EDS" } }],
        dynamic_warming_clusters: [],
      },
      {
        "@type": type("Listeners"),
        dynamic_listeners: [{ name: "chat", active_state: { listener: { name: "chat" } } }],
      },
      { "@type": type("Routes"), dynamic_route_configs: [{ route_config: { name: "chat" } }] },
      { "@type": type("Secrets"), dynamic_active_secrets: [] },
      {
        "@type": type("Endpoints"),
        dynamic_endpoint_configs: [{ endpoint_config: { cluster_name: "chat" } }],
      },
    ],
  })
  expect(whole.text).toContain(`"port_value":${a.port}`)

  await reload(b)
  await untilWho("b")
  const shown = async (): Promise<Shown> => (await askAdmin(planeAdmin, "/xds")).json as Shown
  let last: Shown | null = null
  await eventually(
    async () => {
      last = await shown()
      const told = last.clients[0]?.subscriptions ?? []
      return told.length === 4 && told.every(({ sentVersion, ackedVersion }) => sentVersion === ackedVersion)
    },
    () => `everything that was sent is taken: ${JSON.stringify(last)}`,
  )
  expect(last!.clients).toMatchObject([{ node: "edge", api: "delta-ads" }])
  const endpoints = last!.clients[0]!.subscriptions.find((one) => one.type === "ClusterLoadAssignment")
  expect(endpoints).toMatchObject({ names: ["chat"], ackedVersion: expect.stringMatching(/\.2$/) })
})

test.skipIf(process.platform !== "linux")(
  "an upgrade under a control plane: streams go on in the old process, and the new one is told by itself",
  async (t) => {
    const [a, b] = [new EchoBackend("a"), new EchoBackend("b")]
    const { edge, port, client, who, reload, untilWho } = await fleet(t, [a, b])
    const pidFile = join(testDirectory(t), "sluice.pid")
    const lower = edge(client, { pidFile })
    await lower.says('"message":"listening"')
    const pid = (): number => Number(readFileSync(pidFile, "latin1"))
    t.onTestFinished(() => void process.kill(pid(), "SIGKILL"))
    const caller = echoClient(port, AS_CHAT)
    t.onTestFinished(() => caller.close())
    const chat = caller.chat()
    chat.on("error", () => {})
    const heard = async (text: string): Promise<void> => {
      const answer = once(chat, "data")
      chat.write(Buffer.from(text))
      expect(String((await answer)[0])).toBe(text)
    }
    await heard("before")

    lower.signal("SIGUSR2")
    await lower.says('"the new version listens; this one ends"')
    expect(pid()).not.toBe(lower.child.pid)
    await heard("by the old process")
    expect(await who()).toBe("a")
    await reload(b)
    await untilWho("b")
    await heard("still")
    chat.end()
    expect(await lower.ended).toBe(0)
  },
)

/** Sources that ask a control plane: etcd, the real one where it is installed, and stand-ins for the others. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, type TestContext, test } from "vitest"
import { consulCases, instance } from "../../../test/interop-discovery/consul-cases.ts"
import { kubernetesCases, slice } from "../../../test/interop-discovery/kubernetes-cases.ts"
import { listen, sorted } from "../../../test/interop-discovery/listening.ts"
import { eventually } from "../../../test/support/eventually.ts"
import { StandInConsul } from "../../../test/support/stand-ins/consul.ts"
import { StandInKubernetes } from "../../../test/support/stand-ins/kubernetes.ts"
import { systemClock } from "../../base/clock.ts"
import { JsonClient } from "../../net/json-client.ts"
import { ConsulSource } from "./consul-source.ts"
import { EtcdSource } from "./etcd-source.ts"
import { endpointsOf, KubernetesSource } from "./kubernetes-source.ts"

const random = () => 0
const clock = systemClock

function clientOf(t: TestContext, baseUrl: string, headers?: () => Record<string, string>): JsonClient {
  const client = new JsonClient({ baseUrl, ...(headers && { headers }) })
  t.onTestFinished(() => client.close())
  return client
}

// ---- etcd -----------------------------------------------------------------------------------------------------

const hasEtcd = spawnSync("etcd", ["--version"]).status === 0
if (!hasEtcd) console.log("skipped: discovery by etcd; install it with `apt-get install etcd-server`")

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

class Etcd {
  readonly url: string
  readonly #directory = mkdtempSync(join(tmpdir(), "etcd-"))
  readonly #peerUrl: string
  #process: ChildProcess | null = null

  constructor(port: number, peerPort: number) {
    this.url = `http://127.0.0.1:${port}`
    this.#peerUrl = `http://127.0.0.1:${peerPort}`
  }

  static async start(t: TestContext): Promise<Etcd> {
    const etcd = new Etcd(await freePort(), await freePort())
    t.onTestFinished(async () => {
      await etcd.kill()
      rmSync(etcd.#directory, { recursive: true, force: true })
    })
    await etcd.run()
    return etcd
  }

  async run(): Promise<void> {
    const urls = ["--listen-client-urls", this.url, "--advertise-client-urls", this.url]
    const peers = ["--listen-peer-urls", this.#peerUrl, "--initial-advertise-peer-urls", this.#peerUrl]
    const cluster = ["--initial-cluster", `default=${this.#peerUrl}`]
    this.#process = spawn("etcd", ["--data-dir", this.#directory, ...urls, ...peers, ...cluster], {
      stdio: "ignore",
    })
    let isUp = false
    let asking = false
    await eventually(
      () => {
        if (!asking) {
          asking = true
          void this.call("/v3/kv/range", { key: b64("x") }).then(
            () => (isUp = true),
            () => (asking = false),
          )
        }
        return isUp
      },
      () => "etcd answers",
    )
  }

  async kill(): Promise<void> {
    const running = this.#process
    if (running === null || running.exitCode !== null) return
    const ended = new Promise((resolve) => running.once("exit", resolve))
    running.kill("SIGKILL")
    await ended
    this.#process = null
  }

  async call(path: string, body: object): Promise<{ header?: { revision: string } }> {
    const response = await fetch(this.url + path, { method: "POST", body: JSON.stringify(body) })
    if (!response.ok) throw new Error(await response.text())
    return (await response.json()) as { header?: { revision: string } }
  }

  put(key: string, value: string) {
    return this.call("/v3/kv/put", { key: b64(key), value: b64(value) })
  }

  remove(key: string) {
    return this.call("/v3/kv/deleterange", { key: b64(key) })
  }
}

const b64 = (text: string) => Buffer.from(text).toString("base64")
const naming = (address: string, metadata: unknown = null) =>
  JSON.stringify({ Op: 0, Addr: address, Metadata: metadata })

describe.skipIf(!hasEtcd)("etcd", () => {
  const sourceOf = (t: TestContext, etcd: Etcd, more: object = {}) =>
    new EtcdSource({
      clients: [clientOf(t, etcd.url)],
      prefix: "chat/",
      user: null,
      setToken: () => {},
      clock,
      random,
      ...more,
    })

  test("keys below the prefix come, change and go, as gRPC's own naming lays them out", async (t) => {
    const etcd = await Etcd.start(t)
    await etcd.put("chat/1", naming("10.0.0.1:3000", { weight: 3, zone: "west" }))
    await etcd.put("chatter/1", naming("10.9.9.9:3000"))
    const { answers, says } = listen(t, sourceOf(t, etcd))
    await says("10.0.0.1:3000")
    expect(answers[0]![0]).toMatchObject({ weight: 3, zone: "west" })
    await etcd.put("chat/2", naming("10.0.0.2:3000"))
    await says("10.0.0.1:3000", "10.0.0.2:3000")
    await etcd.put("chat/1", "half a wri")
    await etcd.put("chat/3", "not an endpoint")
    await etcd.remove("chat/2")
    await says("10.0.0.1:3000")
    await etcd.remove("chat/1")
    await says()
  })

  test("more keys than a page", async (t) => {
    const etcd = await Etcd.start(t)
    const writes = Array.from({ length: 120 }, (_, batch) =>
      etcd.call("/v3/kv/txn", {
        success: Array.from({ length: 50 }, (__, index) => ({
          request_put: { key: b64(`chat/${batch}-${index}`), value: b64(naming(`10.1.${batch}.${index}:1`)) },
        })),
      }),
    )
    await Promise.all(writes)
    const { answers } = listen(t, sourceOf(t, etcd))
    await eventually(
      () => answers.at(-1)?.length === 6_000,
      () => `6,000 endpoints, not ${answers.at(-1)?.length}`,
    )
  })

  test("killed, it keeps the last answer; back, the watch goes on where it was, over a compaction too", async (t) => {
    const etcd = await Etcd.start(t)
    await etcd.put("chat/1", naming("10.0.0.1:3000"))
    const { answers, says, fails } = listen(t, sourceOf(t, etcd))
    await says("10.0.0.1:3000")
    await etcd.kill()
    await fails(/./)
    expect(sorted(answers.at(-1))).toEqual(["10.0.0.1:3000"])
    await etcd.run()
    await etcd.put("chat/2", naming("10.0.0.2:3000"))
    await says("10.0.0.1:3000", "10.0.0.2:3000")

    await etcd.kill()
    await etcd.run()
    await etcd.remove("chat/1")
    const { header } = await etcd.put("chat/3", naming("10.0.0.3:3000"))
    await etcd.call("/v3/kv/compaction", { revision: header!.revision, physical: true })
    await says("10.0.0.2:3000", "10.0.0.3:3000")
  })

  test("a member that is down is passed over", async (t) => {
    const etcd = await Etcd.start(t)
    await etcd.put("chat/1", naming("10.0.0.1:3000"))
    const nobody = clientOf(t, `http://127.0.0.1:${await freePort()}`)
    const { says, failures } = listen(t, sourceOf(t, etcd, { clients: [nobody, clientOf(t, etcd.url)] }))
    await says("10.0.0.1:3000")
    expect(failures).toEqual([expect.stringMatching(/connection refused$/)])
  })

  test("with a user and a password", async (t) => {
    const etcd = await Etcd.start(t)
    await etcd.put("chat/1", naming("10.0.0.1:3000"))
    await etcd.call("/v3/auth/user/add", { name: "root", password: "secret" })
    await etcd.call("/v3/auth/user/grant", { user: "root", role: "root" })
    await etcd.call("/v3/auth/enable", {})
    let token = ""
    const client = clientOf(t, etcd.url, () => (token === "" ? {} : { authorization: token }))
    const source = sourceOf(t, etcd, {
      clients: [client],
      user: { name: "root", password: "secret" },
      setToken: (given: string) => (token = given),
    })
    const { says } = listen(t, source)
    await says("10.0.0.1:3000")
    const wrong = listen(t, sourceOf(t, etcd, { user: { name: "root", password: "wrong" } }))
    await wrong.fails(/authentication failed/)
    expect(wrong.failures.join()).not.toContain("wrong")
  })
})

// ---- Consul ---------------------------------------------------------------------------------------------------

describe("Consul (a stand-in)", () => {
  test.for(consulCases)("$name", async ({ run }, t) => run(await StandInConsul.start(t), t))

  const start = async (t: TestContext, more: object = {}) => {
    const consul = await StandInConsul.start(t)
    const client = clientOf(t, consul.baseUrl)
    const source = new ConsulSource({
      client,
      service: "chat",
      datacenter: null,
      tags: [],
      clock,
      random,
      ...more,
    })
    return { consul, source }
  }
  test("it is asked for the datacenter, the tags, and to hold back its answer", async (t) => {
    const { consul, source } = await start(t, { datacenter: "west", tags: ["v2"] })
    consul.set(instance(1))
    const { says } = listen(t, source)
    await says("10.0.0.1:3000")
    consul.set(instance(2))
    await says("10.0.0.2:3000")
    const query = consul.questions.at(-1)!.searchParams
    expect(Object.fromEntries(query)).toMatchObject({ dc: "west", tag: "v2", wait: "300s" })
  })

  test("an index that falls is begun anew", async (t) => {
    const { consul, source } = await start(t)
    consul.set(instance(1))
    const { says } = listen(t, source)
    await says("10.0.0.1:3000")
    await eventually(
      () => consul.waiting === 1,
      () => "a question waits",
    )
    consul.moveIndex(3)
    await eventually(
      () => consul.waiting === 1 && consul.questions.at(-1)!.searchParams.get("index") === "3",
      () => "the next one waits at the new index",
    )
    expect(consul.questions.at(-2)!.searchParams.has("index")).toBe(false)
    consul.set(instance(2))
    await says("10.0.0.2:3000")
  })

  test.for([
    { status: 500, text: "No cluster leader", reason: /^answered 500: No cluster leader$/ },
    { status: 200, text: "{}", reason: /^the answer is not a list of instances$/ },
    { status: 200, text: "[", reason: /^the answer is not JSON/ },
    { status: 200, text: "[]", reason: /^the answer has no X-Consul-Index$/ },
  ])("$status $text keeps the last answer", async ({ status, text, reason }, t) => {
    const { consul, source } = await start(t)
    consul.set(instance(1))
    const { answers, says, fails } = listen(t, source)
    await says("10.0.0.1:3000")
    consul.failing = { status, text }
    consul.moveIndex(50)
    await fails(reason)
    expect(answers.length).toBe(1)
    consul.failing = null
    consul.set(instance(2))
    await says("10.0.0.2:3000")
  })
})

// ---- Kubernetes -----------------------------------------------------------------------------------------------

describe("Kubernetes (a stand-in)", () => {
  test.for(kubernetesCases)("$name", async ({ run }, t) => run(await StandInKubernetes.start(t), t))

  const start = async (t: TestContext) => {
    const kubernetes = await StandInKubernetes.start(t)
    const client = clientOf(t, kubernetes.baseUrl, () => ({ authorization: "Bearer t" }))
    const source = new KubernetesSource({
      client,
      namespace: "default",
      service: "chat",
      port: null,
      clock,
      random,
    })
    return { kubernetes, source }
  }
  const watching = (kubernetes: StandInKubernetes) =>
    eventually(
      () => kubernetes.watches === 1,
      () => "it watches",
    )

  test("slices are listed by pages, then watched", async (t) => {
    const { kubernetes, source } = await start(t)
    kubernetes.pageSize = 2
    for (let i = 1; i <= 5; i++) kubernetes.put(`s${i}`, slice(`10.0.0.${i}`))
    const { says } = listen(t, source)
    await says(...[1, 2, 3, 4, 5].map((i) => `10.0.0.${i}:3000`))
    await watching(kubernetes)
    kubernetes.put("s1", slice("10.0.0.9"))
    for (const name of ["s2", "s3", "s4", "s5"]) kubernetes.remove(name)
    await says("10.0.0.9:3000")
    expect(kubernetes.questions[0]!.searchParams.get("labelSelector")).toBe("kubernetes.io/service-name=chat")
  })

  test("a watch that ends goes on from the last version, bookmarks included", async (t) => {
    const { kubernetes, source } = await start(t)
    kubernetes.put("s", slice("10.0.0.1"))
    const { says } = listen(t, source)
    await says("10.0.0.1:3000")
    await watching(kubernetes)
    kubernetes.bookmark()
    const { version } = kubernetes
    kubernetes.endWatches()
    await eventually(
      () => kubernetes.questions.at(-1)!.searchParams.get("resourceVersion") === String(version),
      () => "the next watch begins at the bookmark",
    )
    await watching(kubernetes)
    kubernetes.put("s", slice("10.0.0.2"))
    await says("10.0.0.2:3000")
    expect(kubernetes.questions.filter(({ searchParams }) => !searchParams.has("watch")).length).toBe(1)
  })

  test.for([
    {
      name: "429 with Retry-After",
      refusal: { status: 429, headers: { "retry-after": "1" } },
      reason: /^answered 429/,
    },
    { name: "500", refusal: { status: 500 }, reason: /^answered 500/ },
    { name: "401", refusal: { status: 401 }, reason: /^answered 401/ },
  ])("$name keeps the last answer, and is asked again", async ({ refusal, reason }, t) => {
    const { kubernetes, source } = await start(t)
    kubernetes.put("s", slice("10.0.0.1"))
    const { answers, says, fails } = listen(t, source)
    await says("10.0.0.1:3000")
    await watching(kubernetes)
    kubernetes.refusals.push(refusal)
    kubernetes.endWatches()
    await fails(reason)
    expect(answers.length).toBe(1)
    await watching(kubernetes)
    kubernetes.put("s", slice("10.0.0.2"))
    await says("10.0.0.2:3000")
  })
})

describe("the endpoints of slices", () => {
  const ports = [
    { name: "grpc", port: 3000 },
    { name: "metrics", port: 9090 },
  ]
  const of = (conditions: object, more: object = {}) => [
    {
      addressType: "IPv4",
      ports: [{ port: 1 }],
      endpoints: [{ addresses: ["10.0.0.1"], conditions, ...more }],
    },
  ]

  test.for([
    [{ ready: true }, ["10.0.0.1:1"]],
    [{ ready: null }, ["10.0.0.1:1"]],
    [{}, ["10.0.0.1:1"]],
    [{ ready: false }, []],
    [{ ready: false, serving: true, terminating: true }, ["10.0.0.1:1 draining"]],
    [{ ready: false, serving: false, terminating: true }, []],
    [{ ready: false, terminating: true }, []],
    // publishNotReadyAddresses.
    [{ ready: true, serving: true, terminating: true }, ["10.0.0.1:1 draining"]],
  ] as const)("conditions %o: %o", ([conditions, expected]) => {
    expect(sorted(endpointsOf(of(conditions), null))).toEqual(expected)
  })

  test.for([
    [null, []],
    ["grpc", ["10.0.0.1:3000"]],
    [9090, ["10.0.0.1:9090"]],
    ["none", []],
  ] as const)("of two ports, %o: %o", ([port, expected]) => {
    expect(sorted(endpointsOf([{ ...slice("10.0.0.1"), ports }], port))).toEqual(expected)
  })

  test("an address in two slices counts once, and as ready if either says so", () => {
    const leaving = of({ ready: false, serving: true, terminating: true })
    expect(sorted(endpointsOf([...leaving, ...of({ ready: true })], null))).toEqual(["10.0.0.1:1"])
    expect(sorted(endpointsOf([...of({ ready: true }), ...leaving], null))).toEqual(["10.0.0.1:1"])
  })

  test("zones are kept, names and UDP are not endpoints", () => {
    expect(endpointsOf(of({}, { zone: "west" }), null)[0]!.zone).toBe("west")
    expect(endpointsOf([{ ...slice("chat.example"), addressType: "FQDN" }], null)).toEqual([])
    expect(endpointsOf([{ ...slice("10.0.0.1"), ports: [{ port: 53, protocol: "UDP" }] }], null)).toEqual([])
  })
})

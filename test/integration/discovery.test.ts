/** Endpoints that come and go by their sources, under live streams: names from a name server of the test, files, etcd. */
import { renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, type TestContext, test } from "vitest"
import { defaultCluster, defaultEndpoint } from "../../src/config/defaults.ts"
import { Discovery } from "../../src/control/discovery/discovery.ts"
import { DnsServer } from "../support/dns-server.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { freePort } from "../support/free-port.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawClient } from "../support/raw-client.ts"
import { RawServer } from "../support/raw-server.ts"
import { SluiceProcess, testDirectory } from "../support/sluice-process.ts"
import { TestBed } from "../support/test-bed.ts"

const LISTENING = '"message":"listening"'

/** Backends on one port of several addresses of this machine: what a name is for. */
async function backendsAt(t: TestContext, ...hosts: string[]): Promise<RawServer[]> {
  const port = await freePort()
  const backends = await Promise.all(hosts.map((host) => RawServer.start({}, host, port)))
  for (const backend of backends) t.onTestFinished(() => backend.close())
  return backends
}

async function startSluice(t: TestContext, cluster: object, config: object = {}) {
  const port = await freePort()
  const sluice = new SluiceProcess(t, {
    listeners: `127.0.0.1:${port}`,
    clusters: { chat: cluster },
    ...config,
  })
  await sluice.says(LISTENING)
  const connect = async (many = 1): Promise<RawClient[]> => {
    const clients = await Promise.all(Array.from({ length: many }, () => RawClient.connect(port)))
    t.onTestFinished(() => {
      for (const client of clients) client.destroy()
    })
    return clients
  }
  return { sluice, connect }
}

const countsOf = (backends: readonly RawServer[]): number[] => backends.map(({ streams }) => streams.length)

async function reach(backends: readonly RawServer[], ...counts: number[]): Promise<void> {
  await eventually(
    () => countsOf(backends).join() === counts.join(),
    () => `${counts.join()} streams; there are ${countsOf(backends).join()}`,
  )
}

const HOSTS = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]

test("every address of a name is an endpoint: streams of one client and of many are spread over all", async (t) => {
  const dns = await DnsServer.start(t)
  dns.names.set("chat.test", { a: HOSTS })
  const backends = await backendsAt(t, ...HOSTS)
  const endpoints = [`chat.test:${backends[0]!.port}`]
  const { connect } = await startSluice(t, { endpoints, resolver: { servers: [dns.address] } })
  const [client] = await connect()
  for (let i = 0; i < 30; i++) client!.open()
  await reach(backends, 10, 10, 10)
  for (const each of await connect(9)) each.open()
  await reach(backends, 13, 13, 13)
})

test("a name that changes is followed while streams live, and those that live go on", async (t) => {
  const dns = await DnsServer.start(t)
  dns.names.set("chat.test", { a: [HOSTS[0]!], ttl: 1 })
  const backends = await backendsAt(t, ...HOSTS)
  const [first] = backends
  const endpoints = [`chat.test:${first!.port}`]
  const { sluice, connect } = await startSluice(t, { endpoints, resolver: { servers: [dns.address] } })
  const [client] = await connect()
  const live = client!.open()
  await reach(backends, 1, 0, 0)
  dns.names.set("chat.test", { a: HOSTS.slice(1), ttl: 1 })
  await sluice.says('"message":"endpoints changed"')
  for (let i = 0; i < 6; i++) client!.open()
  await reach(backends, 1, 3, 3)
  client!.send(dsl.data(live, "still here"))
  const [stream] = first!.streams
  await eventually(
    () => stream!.connection.dataOf(stream!.id).toString() === "still here",
    () => "the stream of an endpoint that has left goes on",
  )
  // What it says when it fails changes nothing.
  dns.names.set("chat.test", { rcode: 2 })
  await sluice.says("the name server failed (SERVFAIL); its last answer stays (2)")
  for (let i = 0; i < 2; i++) client!.open()
  await reach(backends, 1, 4, 4)
})

test("a name that does not exist yet does not keep it from starting, and is there when it does", async (t) => {
  const dns = await DnsServer.start(t)
  const backends = await backendsAt(t, HOSTS[0]!)
  const endpoints = [`chat.test:${backends[0]!.port}`]
  const { sluice, connect } = await startSluice(t, { endpoints, resolver: { servers: [dns.address] } })
  expect(sluice.times("the name does not exist")).toBeGreaterThan(0)
  dns.names.set("chat.test", { a: HOSTS.slice(0, 1) })
  await sluice.says('"message":"endpoints changed"')
  const [client] = await connect()
  client!.open()
  await reach(backends, 1)
  await sluice.says("discovery answers again")
})

test("where an endpoint cannot be reached, its name is asked for before the TTL is over", async (t) => {
  const dns = await DnsServer.start(t)
  const backends = await backendsAt(t, HOSTS[0]!, HOSTS[1]!)
  dns.names.set("chat.test", { a: HOSTS.slice(0, 1), ttl: 3600 })
  const endpoints = [{ address: `chat.test:${backends[0]!.port}`, maxFails: 1 }]
  const { sluice, connect } = await startSluice(t, { endpoints, resolver: { servers: [dns.address] } })
  const [client] = await connect()
  dns.names.set("chat.test", { a: HOSTS.slice(1, 2), ttl: 3600 })
  await backends[0]!.close()
  client!.open()
  await sluice.says('"message":"endpoint is ejected"')
  await sluice.says('"message":"endpoints changed"')
  client!.open()
  await eventually(
    () => backends[1]!.streams.length > 0,
    () => "the stream is at the new address",
  )
})

test("a file is read when it changes; half a file keeps the old", async (t) => {
  const backends = await backendsAt(t, HOSTS[0]!, HOSTS[1]!)
  const path = join(testDirectory(t), "endpoints.yaml")
  const write = (text: string): void => {
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  }
  const addresses = HOSTS.map((host) => `${host}:${backends[0]!.port}`)
  write(`- ${addresses[0]}`)
  const { sluice, connect } = await startSluice(t, { discovery: [{ file: path }] })
  const [client] = await connect()
  client!.open()
  await reach(backends, 1, 0)
  write("- 127.0.0.1:")
  await sluice.says("discovery has a problem")
  client!.open()
  await reach(backends, 2, 0)
  write(JSON.stringify([{ address: addresses[1], weight: 2 }]))
  await sluice.says('"message":"endpoints changed"')
  client!.open()
  await reach(backends, 2, 1)
})

test("a process that drains follows its sources on: streams of an endpoint that leaves end after its grace", async (t) => {
  const backends = await backendsAt(t, HOSTS[0]!, HOSTS[1]!)
  for (const backend of backends)
    backend.onStream = ({ connection, id }) => connection.send(dsl.headers(id, dsl.response))
  const path = join(testDirectory(t), "endpoints.json")
  const write = (...hosts: string[]): void => {
    writeFileSync(`${path}.new`, JSON.stringify(hosts.map((host) => `${host}:${backends[0]!.port}`)))
    renameSync(`${path}.new`, path)
  }
  write(HOSTS[0]!, HOSTS[1]!)
  const cluster = { discovery: [{ file: path }], drainGrace: "100ms" }
  const { sluice, connect } = await startSluice(t, cluster, { shutdown: { grace: "1h" } })
  const [client] = await connect()
  const [leaves, stays] = [client!.open(), client!.open()]
  await reach(backends, 1, 1)
  sluice.signal("SIGTERM")
  await sluice.says('"message":"draining"')
  write(HOSTS[1]!)
  await sluice.says('"message":"endpoints changed"')
  const [, onWhich] = await Promise.race(
    [leaves, stays].map(async (id) => [await client!.end(id), id] as const),
  )
  expect(client!.about(onWhich).join()).toContain(`endpoint ${HOSTS[0]}`)
  expect(client!.about(onWhich === leaves ? stays : leaves)).toHaveLength(1)
})

test("136 changes of a name under echoing streams: none is lost, no octet is out of order", async (t) => {
  const dns = await DnsServer.start(t)
  const backends = await backendsAt(t, ...HOSTS)
  for (const backend of backends)
    backend.onStream = ({ connection, id }) => connection.send(dsl.headers(id, dsl.response))
  const { port } = backends[0]!
  dns.names.set("chat.test", { a: HOSTS, ttl: 1 })
  const bed = await TestBed.start(t, { backends: [backends[0]!] })
  const clock = new ManualClock()
  const log = { info: () => {}, warn: () => {} }
  const { states } = bed.balancer
  const config = {
    ...defaultCluster("test"),
    endpoints: [defaultEndpoint({ text: `chat.test:${port}`, host: "chat.test", port, unixPath: null })],
    resolver: { servers: [dns.address], validMs: null, ipv4: true, ipv6: false },
  }
  let answers = 0
  const discovery = new Discovery({
    clock,
    assignments: null,
    random: () => 0.5,
    log,
    endpointsMax: () => 100,
    onProblem: () => {},
    states: {
      setEndpoints: (cluster, endpoints) => {
        answers++
        states!.setEndpoints(cluster, endpoints)
      },
    },
  })
  t.onTestFinished(() => discovery.stop())
  ;(await discovery.prepare([config])).commit()
  const client = await bed.rawClient()
  const ids = Array.from({ length: 12 }, () => client.open())
  await eventually(
    () => countsOf(backends).reduce((sum, many) => sum + many) === 12,
    () => "all streams are open",
  )
  const streams = backends.flatMap((backend) => backend.streams)
  for (let change = 1; change <= 136; change++) {
    dns.names.set("chat.test", { a: HOSTS.filter((_, index) => index !== change % 3), ttl: 1 })
    const before = answers
    clock.advance(1_000)
    await eventually(
      () => answers > before,
      () => `answer ${change}`,
    )
    for (const id of ids) client.send(dsl.data(id, `${change},`))
  }
  const expected = Array.from({ length: 136 }, (_, index) => `${index + 1},`).join("")
  await eventually(
    () => streams.every(({ connection, id }) => connection.dataOf(id).length === expected.length),
    () => "all octets are there",
  )
  expect(new Set(streams.map(({ connection, id }) => connection.dataOf(id).toString()))).toEqual(
    new Set([expected]),
  )
  expect(bed.records).toEqual([])
  client.destroy()
})

/** `createBalancer`: sources of endpoints and health checks beside a data plane in the caller's thread. */
import { renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, type TestContext, test } from "vitest"
import { fromInput } from "../../src/config/yaml/normalize.ts"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { DnsServer } from "../support/dns-server.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { freePort } from "../support/free-port.ts"
import { RawServer } from "../support/raw-server.ts"
import { testDirectory } from "../support/sluice-process.ts"
import { TestBed } from "../support/test-bed.ts"

const HOSTS = ["127.0.0.1", "127.0.0.2"]

/** Backends on one port of several addresses of this machine, and a balancer whose cluster `test` is as `cluster` says. */
async function start(t: TestContext, cluster: (port: number) => object) {
  const port = await freePort()
  const backends = await Promise.all(HOSTS.map((host) => RawServer.start({}, host, port)))
  for (const backend of backends) {
    backend.onStream = ({ connection, id }) => connection.send(dsl.headers(id, dsl.response))
    t.onTestFinished(() => backend.close())
  }
  const configOf = (its: object): SluiceYaml => ({ listeners: "127.0.0.1:0", clusters: { test: its } })
  const bed = await TestBed.start(t, { backends: [], config: configOf(cluster(port)) })
  const client = await bed.rawClient()
  const open = async (): Promise<number> => {
    const id = client.open()
    await client.head(id)
    return id
  }
  const counts = (): number[] => backends.map(({ streams }) => streams.length)
  const known = (...addresses: string[]): Promise<void> =>
    eventually(
      () =>
        bed.balancer
          .states!.endpointsOf("test")
          .map(({ address }) => address)
          .join() === addresses.join(),
      () => `${addresses.join()}: ${JSON.stringify(bed.balancer.states!.endpointsOf("test"))}`,
    )
  const reload = (its: object): Promise<void> => bed.balancer.reload(fromInput(configOf(its)).config!)
  return { bed, port, backends, client, open, counts, known, reload }
}

function endpointFile(t: TestContext) {
  const path = join(testDirectory(t), "endpoints.json")
  const write = (...addresses: string[]): void => {
    writeFileSync(`${path}.new`, JSON.stringify(addresses))
    renameSync(`${path}.new`, path)
  }
  return { path, write }
}

test("what a source says is there from the first stream on; who leaves it keeps the streams it has", async (t) => {
  const { path, write } = endpointFile(t)
  const { client, port, backends, open, counts, known } = await start(t, (at) => {
    write(`${HOSTS[0]}:${at}`)
    return { discovery: [{ file: path }] }
  })
  const live = await open()
  expect(counts()).toEqual([1, 0])
  write(`${HOSTS[1]}:${port}`)
  await known(`${HOSTS[1]}:${port}`)
  const later = await open()
  expect(counts()).toEqual([1, 1])
  client.send(dsl.data(live, "still here"))
  const [stream] = backends[0]!.streams
  await eventually(
    () => stream!.connection.dataOf(stream!.id).toString() === "still here",
    () => "the stream of an endpoint that has left goes on",
  )
  for (const id of [live, later]) client.send(dsl.rstStream(id, 8))
})

test("each address of a name is an endpoint", async (t) => {
  const dns = await DnsServer.start(t)
  dns.names.set("chat.test", { a: HOSTS })
  const { client, open, counts } = await start(t, (port) => ({
    endpoints: [`chat.test:${port}`],
    resolver: { servers: [dns.address] },
  }))
  const ids = [await open(), await open(), await open(), await open()]
  expect(counts()).toEqual([2, 2])
  for (const id of ids) client.send(dsl.rstStream(id, 8))
})

test("a reload asks a name again whose TTL is not over", async (t) => {
  const dns = await DnsServer.start(t)
  dns.names.set("chat.test", { a: HOSTS.slice(0, 1), ttl: 3600 })
  const cluster = (at: number) => ({ endpoints: [`chat.test:${at}`], resolver: { servers: [dns.address] } })
  const { port, known, reload } = await start(t, cluster)
  await known(`${HOSTS[0]}:${port}`)
  dns.names.set("chat.test", { a: HOSTS.slice(1), ttl: 3600 })
  await reload(cluster(port))
  await known(`${HOSTS[1]}:${port}`)
})

test("a reload asks the sources of the next configuration; one that fails leaves those of the present one", async (t) => {
  const [before, after] = [endpointFile(t), endpointFile(t)]
  const { bed, port, known, reload } = await start(t, (at) => {
    before.write(`${HOSTS[0]}:${at}`)
    after.write(`${HOSTS[1]}:${at}`)
    return { discovery: [{ file: before.path }] }
  })
  await known(`${HOSTS[0]}:${port}`)
  const missing = join(testDirectory(t), "no-such.log")
  const broken = fromInput({
    listeners: "127.0.0.1:0",
    clusters: { test: { discovery: [{ file: after.path }] } },
    accessLog: join(missing, "access.log"),
  })
  await expect(bed.balancer.reload(broken.config!)).rejects.toThrow("no-such.log")
  before.write(...HOSTS.map((host) => `${host}:${port}`))
  await known(...HOSTS.map((host) => `${host}:${port}`))
  await reload({ discovery: [{ file: after.path }] })
  expect(bed.balancer.states!.endpointsOf("test").map(({ address }) => address)).toEqual([
    `${HOSTS[1]}:${port}`,
  ])
})

test("an answer that cannot be used is counted, and the last one stays", async (t) => {
  const { path, write } = endpointFile(t)
  const { bed, port, known } = await start(t, (at) => {
    write(`${HOSTS[0]}:${at}`)
    return { discovery: [{ file: path }] }
  })
  write(`${HOSTS[0]}:0`)
  await eventually(
    () => bed.balancer.counters.get("discovery_refused") > 0,
    () => "the answer is refused",
  )
  await known(`${HOSTS[0]}:${port}`)
})

test("endpoints are checked: one that must pass first gets no streams before it has", async (t) => {
  const { bed, client, open, counts } = await start(t, (port) => ({
    endpoints: [`${HOSTS[0]}:${port}`, `127.0.0.3:${port}`],
    healthCheck: { type: "tcp", interval: "50ms", mandatory: true },
  }))
  const health = (): string =>
    bed.balancer
      .states!.endpointsOf("test")
      .map(({ health }) => health)
      .join()
  await eventually(() => health() === "healthy,unhealthy", health)
  const ids = [await open(), await open()]
  expect(counts()).toEqual([2, 0])
  for (const id of ids) client.send(dsl.rstStream(id, 8))
})

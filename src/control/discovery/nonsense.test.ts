/** Control planes that answer what is not as documented, or show a certificate that has expired. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { describe, expect, type TestContext, test } from "vitest"
import { slice } from "../../../test/interop-discovery/kubernetes-cases.ts"
import { listen } from "../../../test/interop-discovery/listening.ts"
import { Certificate } from "../../../test/support/certificates.ts"
import { eventually } from "../../../test/support/eventually.ts"
import { StandInKubernetes } from "../../../test/support/stand-ins/kubernetes.ts"
import { systemClock as clock } from "../../base/clock.ts"
import { JsonClient } from "../../net/json-client.ts"
import { ConsulSource } from "./consul-source.ts"
import { EtcdSource } from "./etcd-source.ts"
import { KubernetesSource } from "./kubernetes-source.ts"
import type { DiscoverySource } from "./source.ts"

const random = () => 0
const SOURCES = {
  etcd: (client: JsonClient) =>
    new EtcdSource({ clients: [client], prefix: "chat/", user: null, setToken: () => {}, clock, random }),
  consul: (client: JsonClient) =>
    new ConsulSource({ client, service: "chat", datacenter: null, tags: [], clock, random }),
  kubernetes: (client: JsonClient) =>
    new KubernetesSource({ client, namespace: "default", service: "chat", port: null, clock, random }),
}

const base64 = (text: string): string => Buffer.from(text).toString("base64")
const key = (name: string, address: string) => ({
  key: base64(`chat/${name}`),
  value: base64(JSON.stringify({ Op: 0, Addr: address })),
})
const instance = { Service: { Address: "10.0.0.1", Port: 3000 } }
const GOOD: Record<keyof typeof SOURCES, unknown> = {
  etcd: { header: { revision: "7" }, kvs: [key("1", "10.0.0.1:3000")] },
  consul: [instance],
  kubernetes: { metadata: { resourceVersion: "7" }, items: [slice("10.0.0.1")] },
}

/** An API that answers each question with the present `body`; watches and blocking queries wait without end. */
async function start(t: TestContext, which: keyof typeof SOURCES, body: unknown) {
  const api = { body }
  const server = createServer(({ url }, response) => {
    if (/watch|index=/.test(url!)) return
    response.writeHead(200, { "x-consul-index": "7" }).end(JSON.stringify(api.body))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const client = new JsonClient({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  t.onTestFinished(() => client.close())
  const source: DiscoverySource = SOURCES[which](client)
  return { api, ...listen(t, source) }
}

describe("nonsense is said in a sentence, and what is sound afterwards is taken", () => {
  const table: [which: keyof typeof SOURCES, body: unknown, reason: string][] = [
    ["etcd", null, "not as documented: the answer is not an object"],
    ["etcd", [], "not as documented: the answer is not an object"],
    ["etcd", { header: null }, "the answer names no revision"],
    ["etcd", { header: { revision: "-1" } }, "the answer names no revision"],
    ["etcd", { header: { revision: "7" }, kvs: "x" }, 'not as documented: "kvs" is not a list'],
    ["etcd", { header: { revision: "7" }, kvs: [null] }, "not as documented: a key is not an object"],
    ["etcd", { header: { revision: "7" }, kvs: [{}] }, "not as documented: a key has no name"],
    ["etcd", { header: { revision: "7" }, kvs: [{ key: 7 }] }, 'not as documented: "key" is not a string'],
    ["consul", null, "the answer is not a list of instances"],
    ["consul", [null], "not as documented: an instance is not an object"],
    ["consul", [{ Service: [] }], 'not as documented: "Service" is not an object'],
    ["consul", [{ Service: { Address: 7 } }], 'not as documented: "Address" is not a string'],
    ["consul", [{ Service: { Address: "a", Port: "1" } }], 'not as documented: "Port" is not a number'],
    ["consul", [{ ...instance, Checks: ["x"] }], "not as documented: a check is not an object"],
    ["kubernetes", null, "not as documented: the answer is not an object"],
    ["kubernetes", {}, "the answer has no items"],
    ["kubernetes", { items: [] }, "the answer names no resourceVersion"],
    ["kubernetes", { items: {} }, 'not as documented: "items" is not a list'],
    ["kubernetes", { items: [null] }, "not as documented: an item is not an object"],
    [
      "kubernetes",
      { items: [{ endpoints: [{ addresses: "10.0.0.1" }] }] },
      'not as documented: "addresses" is not a list',
    ],
    [
      "kubernetes",
      { items: [{ endpoints: [{ addresses: [7] }] }] },
      "not as documented: an address is not a string",
    ],
    ["kubernetes", { items: [{ ports: [{ port: "x" }] }] }, 'not as documented: "port" is not a number'],
    [
      "kubernetes",
      { items: [{ endpoints: [{ conditions: { ready: "yes" } }] }] },
      'not as documented: "ready" is not a boolean',
    ],
  ]
  test.for(table)("%s: %j", async ([which, body, reason], t) => {
    const { api, answers, failures, says } = await start(t, which, body)
    await eventually(
      () => failures.length > 0,
      () => "it fails",
    )
    expect([failures[0], answers]).toEqual([reason, []])
    api.body = GOOD[which]
    await says("10.0.0.1:3000")
  })
})

describe("null is absent, as Go writes what is empty", () => {
  test.for<[which: keyof typeof SOURCES, body: unknown, addresses: string[]]>([
    ["etcd", { header: { revision: 7 }, kvs: null }, []],
    [
      "consul",
      [{ Node: null, Service: { ...instance.Service, Weights: null }, Checks: null }],
      ["10.0.0.1:3000"],
    ],
    ["kubernetes", { metadata: { resourceVersion: "7" }, items: null }, []],
    [
      "kubernetes",
      {
        metadata: { resourceVersion: "7", continue: null },
        items: [
          { metadata: { name: "empty" }, ports: null, endpoints: null },
          { ...slice("10.0.0.1"), metadata: { name: "one" } },
        ],
      },
      ["10.0.0.1:3000"],
    ],
  ])("%s: %j", async ([which, body, addresses], t) => {
    const { answers, failures, says } = await start(t, which, body)
    await eventually(
      () => answers.length > 0,
      () => "it answers",
    )
    await says(...addresses)
    expect([answers.length, failures]).toEqual([1, []])
  })
})

test("etcd: a key without an endpoint is named beside those that have one", async (t) => {
  const kvs = [key("1", "10.0.0.1:3000"), { key: base64("chat/2"), value: base64("half a wri") }]
  const { says, unread } = await start(t, "etcd", { header: { revision: "7" }, kvs })
  await says("10.0.0.1:3000")
  expect(unread).toEqual(['1 keys have no endpoint, such as "chat/2"'])
})

test.for([
  [
    [
      { port: 1, name: "grpc" },
      { port: 2, name: "metrics" },
    ],
    /several ports and none is chosen: its ports are grpc, metrics$/,
  ],
  [[{ port: 1, name: "dns", protocol: "UDP" }], /^the Service has no TCP port$/],
] as const)("Kubernetes: ports that leave no choice keep the last answer: %j", async ([ports, reason], t) => {
  const kubernetes = await StandInKubernetes.start(t)
  kubernetes.put("s", slice("10.0.0.1"))
  const client = new JsonClient(kubernetes.access)
  t.onTestFinished(() => client.close())
  const { answers, says, fails } = listen(t, SOURCES.kubernetes(client))
  await says("10.0.0.1:3000")
  kubernetes.put("s", { ...slice("10.0.0.2"), ports: [...ports] })
  await fails(reason)
  expect(answers).toHaveLength(1)
  kubernetes.put("s", slice("10.0.0.3"))
  await says("10.0.0.3:3000")
})

test("a certificate that expires between two watches keeps the last answer until there is another", async (t) => {
  const root = await Certificate.root("CN=API")
  const [sound, expired, renewed] = await Promise.all(
    [{}, { fromDay: -2, untilDay: -1 }, {}].map((when) => root.issue({ names: ["127.0.0.1"], ...when })),
  )
  const shown = (certificate: Certificate) => ({ cert: certificate.pem, key: certificate.key })
  const kubernetes = await StandInKubernetes.start(t, shown(sound!))
  kubernetes.put("s", slice("10.0.0.1"))
  const client = new JsonClient({ ...kubernetes.access, tls: () => ({ ca: root.pem }) })
  t.onTestFinished(() => client.close())
  const { answers, says, fails } = listen(t, SOURCES.kubernetes(client))
  await says("10.0.0.1:3000")
  kubernetes.showCertificate(shown(expired!))
  kubernetes.put("s", slice("10.0.0.2"))
  await fails(/certificate has expired/)
  expect(answers).toHaveLength(1)
  kubernetes.showCertificate(shown(renewed!))
  await says("10.0.0.2:3000")
})

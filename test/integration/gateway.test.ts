/** `sluice controller`: resources of the Gateway API in a stand-in for a kube-apiserver, real calls through its data plane. */
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import * as grpc from "@grpc/grpc-js"
import { expect, type TestContext, test } from "vitest"
import { Certificate } from "../support/certificates.ts"
import { eventually } from "../support/eventually.ts"
import { freePort } from "../support/free-port.ts"
import { GATEWAY, GatewayBed, NamedBackend } from "../support/gateway-bed.ts"
import { testDirectory } from "../support/sluice-process.ts"

const to = (...names: string[]) => names.map((name) => ({ name, port: 8080 }))
const ACCEPTED = ["Accepted True Accepted", "ResolvedRefs True ResolvedRefs"]

/** A bed with a Service of that name for each backend. */
async function bedOf(t: TestContext, ...names: string[]): Promise<[GatewayBed, ...NamedBackend[]]> {
  const bed = await GatewayBed.start(t)
  const backends: NamedBackend[] = []
  for (const name of names) {
    const backend = await NamedBackend.start(t, name)
    bed.service(name, [backend])
    backends.push(backend)
  }
  return [bed, ...backends]
}

test("calls go by method and by header, and every resource says what became of it", async (t) => {
  const [bed] = await bedOf(t, "one", "two")
  const method = { service: "a.Echo", method: "Shout" }
  bed.api.apply(
    bed.route("chat", [
      { matches: [{ method: { service: "a.Echo" } }], backendRefs: to("one") },
      { matches: [{ method }, { headers: [{ name: "version", value: "two" }] }], backendRefs: to("two") },
    ]),
  )
  const sluice = await bed.running()
  await bed.says("grpcroutes", "chat", "parents", ...ACCEPTED)
  await bed.says("gatewayclasses", "sluice", undefined, "Accepted True Accepted")
  await bed.says("gateways", "web", undefined, "Accepted True Accepted", "Programmed True Programmed")
  await bed.says("gateways", "web", "listeners", "Programmed True Programmed", "Conflicted False NoConflicts")
  expect(await bed.call("/a.Echo/Say")).toBe("one")
  expect(await bed.call("/a.Echo/Shout")).toBe("two")
  expect(await bed.call("/a.Echo/Say", { metadata: { version: "two" } })).toBe("one")
  expect(await bed.call("/b.Echo/Say", { metadata: { version: "two" } })).toBe("two")
  expect(await bed.call("/b.Echo/Say")).toBe("UNIMPLEMENTED")
  sluice.signal("SIGTERM")
  expect(await sluice.ended).toBe(0)
  const lease = bed.api.object("apis/coordination.k8s.io/v1/leases", "shop", "sluice-dev-gateway")
  expect(lease).toMatchObject({ spec: { holderIdentity: "" } })
})

test("each backend has its share of the weight, and an invalid one's is UNAVAILABLE", async (t) => {
  const [bed] = await bedOf(t, "one", "two")
  const [one, two, none] = to("one", "two", "none") as [object, object, object]
  const refs = [{ ...one, weight: 2 }, two, { ...none, weight: 1 }]
  bed.api.apply(bed.route("chat", [{ backendRefs: refs }]))
  await bed.running()
  await bed.says(
    "grpcroutes",
    "chat",
    "parents",
    "Accepted True Accepted",
    "ResolvedRefs False BackendNotFound",
  )
  const counts: Record<string, number> = {}
  await Promise.all(
    Array.from({ length: 800 }, async () => {
      const came = await bed.call("/a.Echo/Say")
      counts[came] = (counts[came] ?? 0) + 1
    }),
  )
  expect(Object.keys(counts).sort()).toEqual(["UNAVAILABLE", "one", "two"])
  // Chance is off by less than six times the standard deviation.
  expect(Math.abs(counts.one! - 400)).toBeLessThan(85)
  expect(Math.abs(counts.UNAVAILABLE! - 200)).toBeLessThan(74)
})

test("scale up, and down: a terminating endpoint that serves keeps its streams and gets no new ones", async (t) => {
  const [bed, one] = await bedOf(t, "one")
  const two = await NamedBackend.start(t, "two")
  bed.api.apply(bed.route("chat", [{ backendRefs: to("one") }]))
  await bed.running()
  await bed.comesTo("/a.Echo/Say", "one")
  const chat = await bed.chat()
  expect(await chat.say("1")).toBe("one:1")
  bed.endpoint("one", two, {})
  await bed.comesTo("/a.Echo/Say", "two")
  bed.endpoint("one", one!, { ready: false, serving: true, terminating: true })
  await eventually(
    async () => {
      const came = await Promise.all(Array.from({ length: 6 }, () => bed.call("/a.Echo/Say")))
      return came.every((name) => name === "two")
    },
    () => "new calls go to two alone",
  )
  expect(await chat.say("2")).toBe("one:2")
  expect(one!.streams).toBe(1)
  bed.api.remove("one-one", "shop")
  bed.api.bookmark()
  await bed.comesTo("/a.Echo/Say", "two")
  expect(await chat.say("3")).toBe("one:3")
  const reloads = (): number => bed.api.writes.filter((write) => write.includes("/status")).length
  const before = reloads()
  bed.endpoint("one", two, { ready: false })
  await bed.comesTo("/a.Echo/Say", "UNAVAILABLE")
  expect(reloads()).toBe(before)
})

test("a certificate that rotates is the next connection's; one that is none takes its listener down", async (t) => {
  const [bed] = await bedOf(t, "one")
  const port = await freePort()
  const root = await Certificate.root("CN=root")
  const secretOf = async (subject: string): Promise<void> => {
    const leaf = await root.issue({ subject, names: ["chat.test"] })
    const text = (pem: string): string => Buffer.from(pem).toString("base64")
    bed.api.apply({
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/tls",
      metadata: { name: "cert", namespace: "shop" },
      data: { "tls.crt": text(leaf.pem), "tls.key": text(leaf.key) },
    })
  }
  const listener = { name: "tls", port, protocol: "HTTPS", tls: { certificateRefs: [{ name: "cert" }] } }
  bed.api.apply(bed.gateway("web", [listener]), bed.route("chat", [{ backendRefs: to("one") }]))
  const sluice = await bed.running()
  await bed.says(
    "gateways",
    "web",
    "listeners",
    "ResolvedRefs False InvalidCertificateRef",
    "Programmed False Invalid",
  )
  await secretOf("CN=first")
  await bed.says(
    "gateways",
    "web",
    "listeners",
    "ResolvedRefs True ResolvedRefs",
    "Programmed True Programmed",
  )
  const seen = async (): Promise<string> => {
    let subject = ""
    const credentials = grpc.credentials.createSsl(Buffer.from(root.pem), null, null, {
      checkServerIdentity: (_host, { subject: of }) => void (subject = String(of.CN)),
    })
    const came = await bed.call("/a.Echo/Say", { authority: "chat.test", credentials }, port)
    return came === "one" ? subject : came
  }
  expect(await seen()).toBe("first")
  await secretOf("CN=second")
  let last = ""
  await eventually(
    async () => (last = await seen()) === "second",
    () => `the second certificate is shown, not ${last}`,
  )
  expect(sluice.said).not.toContain("PRIVATE KEY")
  bed.api.delete("api/v1/secrets", "shop", "cert")
  await bed.says("gateways", "web", "listeners", "ResolvedRefs False InvalidCertificateRef")
})

test("a ReferenceGrant that is missing, is added, and is taken away", async (t) => {
  const bed = await GatewayBed.start(t)
  bed.service("far", [await NamedBackend.start(t, "far")], "other")
  bed.api.apply(bed.route("chat", [{ backendRefs: [{ name: "far", namespace: "other", port: 8080 }] }]))
  await bed.running()
  await bed.says(
    "grpcroutes",
    "chat",
    "parents",
    "Accepted True Accepted",
    "ResolvedRefs False RefNotPermitted",
  )
  expect(await bed.call("/a.Echo/Say")).toBe("UNAVAILABLE")
  bed.api.apply({
    apiVersion: "gateway.networking.k8s.io/v1beta1",
    kind: "ReferenceGrant",
    metadata: { name: "shop", namespace: "other" },
    spec: {
      from: [{ group: "gateway.networking.k8s.io", kind: "GRPCRoute", namespace: "shop" }],
      to: [{ group: "", kind: "Service" }],
    },
  })
  await bed.comesTo("/a.Echo/Say", "far")
  await bed.says("grpcroutes", "chat", "parents", ...ACCEPTED)
  bed.api.delete("apis/gateway.networking.k8s.io/v1beta1/referencegrants", "other", "shop")
  await bed.comesTo("/a.Echo/Say", "UNAVAILABLE")
})

test("broken resources beside good ones: those serve, live streams go on, and a port that is taken waits", async (t) => {
  const [bed] = await bedOf(t, "one")
  bed.api.apply(bed.route("good", [{ matches: [{ method: { service: "a.Echo" } }], backendRefs: to("one") }]))
  const sluice = await bed.running()
  await bed.comesTo("/a.Echo/Say", "one")
  const chat = await bed.chat()
  await chat.say("1")
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
  const { port } = taken.address() as AddressInfo
  t.onTestFinished(() => void taken.close())
  const expression = { type: "RegularExpression", service: "(" }
  bed.api.apply(
    bed.route("broken", [{ matches: [{ method: expression }], backendRefs: to("one") }]),
    { ...bed.route("nonsense", []), spec: { rules: "none", parentRefs: 7 } },
    { ...bed.gateway("nonsense", []), spec: {} },
    bed.gateway("late", [{ name: "grpc", port, protocol: "HTTP" }]),
    bed.route("mixed", [
      { matches: [{ method: expression }], backendRefs: to("one") },
      { matches: [{ method: { service: "b.Echo" } }], backendRefs: to("one") },
    ]),
  )
  await bed.says("grpcroutes", "broken", "parents", "Accepted False UnsupportedValue")
  await bed.says(
    "grpcroutes",
    "mixed",
    "parents",
    "Accepted True Accepted",
    "PartiallyInvalid True UnsupportedValue",
  )
  await bed.says("gateways", "late", "listeners", "Accepted False PortUnavailable")
  await bed.says("gateways", "web", undefined, "Programmed True Programmed")
  expect(await bed.call("/a.Echo/Say")).toBe("one")
  expect(await bed.call("/b.Echo/Say")).toBe("one")
  expect(await chat.say("2")).toBe("one:2")
  await sluice.says("a resource cannot be read, and is left out", 2)
})

test("of two processes one writes; when it is gone the other does; both serve", async (t) => {
  const [bed] = await bedOf(t, "one")
  const port = await freePort()
  bed.api.apply(bed.route("chat", [{ backendRefs: to("one") }]))
  const first = await bed.running()
  await bed.says("grpcroutes", "chat", "parents", ...ACCEPTED)
  await first.says("this process leads")
  const second = await bed.running("--bind", "127.0.0.2")
  bed.api.apply(bed.gateway("more", [{ name: "grpc", port, protocol: "HTTP" }]))
  await bed.says("gateways", "more", undefined, "Programmed True Programmed")
  const client = new grpc.Client(`127.0.0.2:${bed.port}`, grpc.credentials.createInsecure())
  t.onTestFinished(() => client.close())
  await new Promise<void>((resolve, reject) =>
    client.waitForReady(Date.now() + 20_000, (error) => (error ? reject(error) : resolve())),
  )
  expect(second.said).not.toContain("this process leads")
  // Gone without a word: its lease runs out.
  first.signal("SIGKILL")
  await second.says("this process leads")
  bed.api.apply(bed.route("later", [{ backendRefs: to("none") }]))
  await bed.says("grpcroutes", "later", "parents", "ResolvedRefs False BackendNotFound")
})

test("statuses are written where they differ, and not over what others have written", async (t) => {
  const [bed] = await bedOf(t, "one")
  const foreign = {
    parentRef: { name: "theirs" },
    controllerName: "example.com/other",
    conditions: [
      {
        type: "Accepted",
        status: "True",
        reason: "Accepted",
        message: "",
        observedGeneration: 1,
        lastTransitionTime: "2023-01-01T00:00:00Z",
      },
    ],
  }
  bed.api.apply({ ...bed.route("chat", [{ backendRefs: to("one") }]), status: { parents: [foreign] } })
  await bed.running()
  await bed.says("gateways", "web", undefined, "Programmed True Programmed")
  const parents = (): unknown[] =>
    (bed.api.object(`apis/${GATEWAY}/grpcroutes`, "shop", "chat")!.status as { parents: unknown[] }).parents
  await eventually(
    () => parents().length === 2,
    () => JSON.stringify(parents()),
  )
  expect(parents()[0]).toEqual(foreign)
  const statusWrites = (): string[] => bed.api.writes.filter((write) => write.endsWith("/status"))
  const before = statusWrites().length
  expect(before).toBeLessThan(6)
  // Nothing that changes a status.
  bed.api.endWatches()
  bed.api.apply(bed.route("chat", [{ backendRefs: [{ name: "one", port: 8080, weight: 5 }] }]))
  await eventually(
    () => statusWrites().length > before,
    () => "the new generation is said",
  )
  expect(
    statusWrites()
      .slice(before)
      .every((write) => write.includes("grpcroutes/shop/chat")),
  ).toBe(true)
  const conditions = bed.conditions("grpcroutes", "chat", "parents", 1) as unknown as {
    lastTransitionTime: string
  }[]
  expect(conditions).toHaveLength(2)
})

test("the API server away, with 410 and 429: what is known holds, and what is new comes once it is back", async (t) => {
  const [bed] = await bedOf(t, "one", "two")
  bed.api.apply(bed.route("chat", [{ backendRefs: to("one") }]))
  const sluice = await bed.running()
  await bed.comesTo("/a.Echo/Say", "one")
  bed.api.isAway = true
  bed.api.endWatches()
  await sluice.says("cannot list; what is known stays")
  expect(await bed.call("/a.Echo/Say")).toBe("one")
  bed.api.apply(bed.route("chat", [{ backendRefs: to("two") }]))
  bed.api.refusals.push({ status: 429, headers: { "retry-after": "1" } }, { status: 500 })
  bed.api.oldest = bed.api.version + 1
  bed.api.isAway = false
  await bed.comesTo("/a.Echo/Say", "two")
  await bed.says("grpcroutes", "chat", "parents", ...ACCEPTED)
})

test("kinds that are not installed are done without", async (t) => {
  const [bed] = await bedOf(t, "one")
  for (const kind of ["httproutes", "backendtlspolicies"])
    bed.api.missing.add(`apis/gateway.networking.k8s.io/v1/${kind}`)
  bed.api.missing.add("apis/gateway.networking.k8s.io/v1beta1/referencegrants")
  bed.api.apply(bed.route("chat", [{ backendRefs: to("one") }]))
  const sluice = await bed.running()
  await bed.comesTo("/a.Echo/Say", "one")
  expect(sluice.times("the cluster does not have this kind")).toBe(3)
})

test("an HTTPRoute: HTTP/1.1 to its backend, headers changed, and a redirect", async (t) => {
  const bed = await GatewayBed.start(t)
  const server = createServer((request, response) => {
    response.setHeader("x-secret", "s")
    response.end([request.url, request.headers.host, request.headers["x-set"]].join(" "))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.onTestFinished(() => void server.close())
  bed.service("web", [{ name: "web", port: (server.address() as AddressInfo).port } as NamedBackend])
  const filters = [
    { type: "RequestHeaderModifier", requestHeaderModifier: { set: [{ name: "x-set", value: "$1" }] } },
    {
      type: "ResponseHeaderModifier",
      responseHeaderModifier: { remove: ["x-secret"], add: [{ name: "x-a", value: "1" }] },
    },
    { type: "URLRewrite", urlRewrite: { path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/new" } } },
  ]
  const redirect = { type: "RequestRedirect", requestRedirect: { hostname: "b.test", statusCode: 301 } }
  bed.api.apply(
    bed.route(
      "web",
      [
        { matches: [{ path: { value: "/old" } }], filters, backendRefs: to("web") },
        { matches: [{ path: { value: "/moved" } }], filters: [redirect] },
        { matches: [{ path: { value: "/lost" } }], backendRefs: to("none") },
      ],
      {},
      "HTTPRoute",
    ),
  )
  await bed.running()
  await bed.says(
    "httproutes",
    "web",
    "parents",
    "Accepted True Accepted",
    "ResolvedRefs False BackendNotFound",
  )
  const ask = (path: string) => fetch(`http://127.0.0.1:${bed.port}${path}`, { redirect: "manual" })
  const answer = await ask("/old/x?q=1")
  expect(await answer.text()).toBe(`/new/x?q=1 127.0.0.1:${bed.port} $1`)
  expect([answer.headers.get("x-secret"), answer.headers.get("x-a")]).toEqual([null, "1"])
  const moved = await ask("/moved/x")
  expect([moved.status, moved.headers.get("location")]).toEqual([301, `http://b.test:${bed.port}/moved/x`])
  expect((await ask("/lost")).status).toBe(500)
  expect((await ask("/nothing")).status).toBe(404)
})

test("a BackendTLSPolicy: backends are spoken to by TLS, and verified", async (t) => {
  const bed = await GatewayBed.start(t)
  const root = await Certificate.root("CN=root")
  const leaf = await root.issue({ names: ["chat.test"] })
  const pair = { private_key: Buffer.from(leaf.key), cert_chain: Buffer.from(leaf.pem) }
  const credentials = grpc.ServerCredentials.createSsl(null, [pair])
  bed.service("one", [await NamedBackend.start(t, "one", { credentials })])
  const policy = (hostname: string) => ({
    apiVersion: GATEWAY,
    kind: "BackendTLSPolicy",
    metadata: { name: "one", namespace: "shop" },
    spec: {
      targetRefs: [{ group: "", kind: "Service", name: "one" }],
      validation: { hostname, caCertificateRefs: [{ group: "", kind: "ConfigMap", name: "ca" }] },
    },
  })
  bed.api.apply(bed.route("chat", [{ backendRefs: to("one") }]), policy("chat.test"))
  await bed.running()
  await bed.says("backendtlspolicies", "one", "ancestors", "ResolvedRefs False InvalidCACertificateRef")
  expect(await bed.call("/a.Echo/Say")).toBe("UNAVAILABLE")
  const metadata = { name: "ca", namespace: "shop" }
  bed.api.apply({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { "ca.crt": root.pem } })
  await bed.comesTo("/a.Echo/Say", "one")
  bed.api.apply(policy("other.test"))
  await bed.comesTo("/a.Echo/Say", "UNAVAILABLE")
})

test("what a configuration file says holds for all routes, and its own servers serve once the resources are known", async (t) => {
  const [bed] = await bedOf(t, "one")
  const health = await freePort()
  const conf = join(testDirectory(t), "nginx.conf")
  writeFileSync(
    conf,
    `worker_processes 1; error_log stderr info; events {}
     http {
       upstream gateway-routes { least_conn; server 127.0.0.1:1; }
       server { listen 127.0.0.1:${health} http2; location = /healthz { return 200 ok; } }
       server { listen 127.0.0.1:${health} http2; server_name gateway-routes; add_header x-common 1; }
     }`,
  )
  const own = bed.gateway("own", [{ name: "grpc", port: health, protocol: "HTTP" }])
  bed.api.apply(bed.route("chat", [{ backendRefs: to("one") }]), own)
  bed.api.isAway = true
  const sluice = await bed.running("--config", conf)
  await sluice.says("cannot list")
  await expect(fetch(`http://127.0.0.1:${health}/healthz`)).rejects.toThrow()
  bed.api.isAway = false
  await bed.comesTo("/a.Echo/Say", "one")
  expect(await (await fetch(`http://127.0.0.1:${health}/healthz`)).text()).toBe("ok")
  const call = bed.client().makeUnaryRequest("/a.Echo/Say", Buffer.from, String, "x", () => {})
  const [head] = (await once(call, "metadata")) as [grpc.Metadata]
  expect(head.get("x-common")).toEqual(["1"])
  await bed.says("gateways", "own", "listeners", "Accepted False PortUnavailable")
})

test("--check prints what the resources come to, and writes nothing", async (t) => {
  const [bed] = await bedOf(t, "one")
  bed.api.apply(bed.route("chat", [{ backendRefs: to("one", "none") }]))
  const check = bed.controller("--check")
  let printed = ""
  check.child.stdout!.on("data", (octets: Buffer) => (printed += octets.toString()))
  expect(await check.ended).toBe(0)
  expect(printed).toContain("shop/one:8080")
  expect(check.said).toContain(
    "grpcRoutes shop/chat: ResolvedRefs False, BackendNotFound: there is no Service shop/none",
  )
  expect(bed.api.writes).toEqual([])
})

test("what it is told wrong is one line, and exit code 2", async (t) => {
  const bed = await GatewayBed.start(t)
  const wrong = async (...args: string[]): Promise<string> => {
    const sluice = bed.controller(...args)
    expect(await sluice.ended).toBe(2)
    return sluice.said
  }
  expect(await wrong("--bind", "nowhere")).toBe("sluice: --bind nowhere: must be an IP address\n")
  expect(await wrong("--gateway-class-controller", "x")).toContain("must be DOMAIN/NAME")
  expect(await wrong("--publish-service", "x")).toContain("must be NAMESPACE/NAME")
  expect(await wrong("--kubeconfig", "/none")).toContain("/none")
})

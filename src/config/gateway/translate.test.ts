/** The Gateway API to the model: every condition and reason, and where requests go. */
import { describe, expect, test } from "vitest"
import { said, translated } from "../../../test/support/gateway-resources.ts"
import { RouteBed } from "../../../test/support/route-bed.ts"
import { defaultCluster, defaultRouteSettings } from "../defaults.ts"
import { loadYaml } from "../yaml/load.ts"
import { toYaml } from "../yaml/write.ts"

const CLASS = `
kind: GatewayClass
metadata: { name: sluice }
spec: { controllerName: sluice.dev/gateway }
---
kind: Namespace
metadata: { name: chat, labels: { team: chat } }
---
kind: Namespace
metadata: { name: other, labels: { team: other } }
---
kind: Service
metadata: { name: one }
spec: { ports: [{ port: 8080 }] }
---
kind: Service
metadata: { name: two }
spec: { ports: [{ name: grpc, port: 8080 }, { name: dns, port: 53, protocol: UDP }] }
---
kind: Service
metadata: { name: far, namespace: other }
spec: { ports: [{ port: 8080 }] }
---
`
const gateway = (name: string, ...listeners: string[]): string => `
kind: Gateway
metadata: { name: ${name} }
spec: { gatewayClassName: sluice, listeners: [${listeners.join(", ")}] }
---
`
const HTTP = "{ name: http, port: 80, protocol: HTTP }"
const route = (name: string, spec: string, kind = "GRPCRoute"): string => `
kind: ${kind}
metadata: { name: ${name} }
spec: { parentRefs: [{ name: web }], ${spec} }
---
`
const to = (name: string, more = ""): string => `backendRefs: [{ name: ${name}, port: 8080${more} }]`
const WEB = CLASS + gateway("web", HTTP)

const grpcBed = (...routes: string[]): RouteBed => new RouteBed(translated(WEB + routes.join("")).config)
const grpc = (path: string, fields: string[] = [], host = "a.test") => ({
  path,
  fields,
  host,
  isGrpc: true,
  method: "POST",
})

describe("a GatewayClass", () => {
  test("is accepted where it names the controller, unless it has parameters", () => {
    const other = CLASS.replace("sluice.dev/gateway", "example.com/other")
    expect(said(translated(CLASS).statuses(null), "gatewayClasses", "sluice")).toEqual([
      "Accepted True Accepted",
    ])
    expect(translated(other + gateway("web", HTTP)).statuses(null)).toEqual([])
    const withParameters = CLASS.replace(
      "sluice.dev/gateway",
      "sluice.dev/gateway, parametersRef: { name: p }",
    )
    const { statuses, config } = translated(withParameters + gateway("web", HTTP))
    expect(said(statuses(null), "gatewayClasses", "sluice")).toEqual([
      "Accepted False InvalidParameters: parametersRef is not supported",
    ])
    expect(config.listeners).toEqual([])
  })
})

describe("a Gateway", () => {
  const TLS = "{ name: tls, port: 443, protocol: HTTPS, tls: { certificateRefs: [{ name: cert }] } }"
  const secret = (name: string, crt: string, namespace = "chat"): string => `
kind: Secret
metadata: { name: ${name}, namespace: ${namespace} }
data: { tls.crt: ${Buffer.from(crt).toString("base64")}, tls.key: ${Buffer.from("key").toString("base64")} }
---
`
  const listener = (text: string, more = "") =>
    said(translated(CLASS + more + gateway("web", text)).statuses(null), "gateways", "web", "listeners")

  test("is programmed, with its address", () => {
    const { statuses, config } = translated(WEB)
    const [, status] = statuses(null)
    expect(said(statuses(null), "gateways", "web")).toEqual([
      "Accepted True Accepted",
      "Programmed True Programmed",
    ])
    expect(status!.status).toMatchObject({
      addresses: [{ type: "IPAddress", value: "192.0.2.1" }],
      listeners: [
        {
          name: "http",
          attachedRoutes: 0,
          supportedKinds: [
            { group: "gateway.networking.k8s.io", kind: "GRPCRoute" },
            { group: "gateway.networking.k8s.io", kind: "HTTPRoute" },
          ],
        },
      ],
    })
    expect(listener(HTTP)).toEqual([
      "Accepted True Accepted",
      "Programmed True Programmed",
      "ResolvedRefs True ResolvedRefs",
      "Conflicted False NoConflicts",
    ])
    expect(config.listeners.map(({ name }) => name)).toEqual(["0.0.0.0:80"])
  })

  test.for<[string, string, string, string[]]>([
    [
      "a protocol that is not served",
      "{ name: x, port: 80, protocol: TCP }",
      "",
      [
        "Accepted False UnsupportedProtocol: listeners speak HTTP and HTTPS, not TCP",
        "Programmed False Invalid: listeners speak HTTP and HTTPS, not TCP",
      ],
    ],
    [
      "passthrough",
      "{ name: x, port: 443, protocol: HTTPS, tls: { mode: Passthrough } }",
      "",
      ["Accepted False UnsupportedValue: tls.mode is Terminate, not Passthrough"],
    ],
    ["no Secret", TLS, "", ["ResolvedRefs False InvalidCertificateRef: there is no Secret chat/cert"]],
    [
      "a Secret that is none",
      TLS,
      secret("cert", "bad"),
      [
        "Accepted True Accepted",
        "Programmed False Invalid: Secret chat/cert: tls.crt is not a certificate in PEM",
        "ResolvedRefs False InvalidCertificateRef: Secret chat/cert: tls.crt is not a certificate in PEM",
      ],
    ],
    [
      "a certificate that is no Secret",
      TLS.replace("name: cert", "name: cert, kind: ConfigMap"),
      "",
      ["ResolvedRefs False InvalidCertificateRef: certificates are Secrets, not ConfigMap"],
    ],
    [
      "a Secret of another namespace",
      TLS.replace("name: cert", "name: cert, namespace: other"),
      secret("cert", "good", "other"),
      ["ResolvedRefs False RefNotPermitted: no ReferenceGrant in other lets a Gateway refer to Secret cert"],
    ],
    [
      "a good certificate",
      TLS,
      secret("cert", "good"),
      ["Programmed True Programmed", "ResolvedRefs True ResolvedRefs"],
    ],
    [
      "a kind of route that is not known",
      "{ name: x, port: 80, protocol: HTTP, allowedRoutes: { kinds: [{ kind: TCPRoute }] } }",
      "",
      [
        "Programmed True Programmed",
        "ResolvedRefs False InvalidRouteKinds: routes are GRPCRoute and HTTPRoute, not TCPRoute",
      ],
    ],
  ])("%s", ([, text, more, wanted]) => expect(listener(text, more)).toEqual(expect.arrayContaining(wanted)))

  test("a ReferenceGrant lets it have the Secret of another namespace", () => {
    const grant = `
kind: ReferenceGrant
metadata: { name: g, namespace: other }
spec:
  from: [{ group: gateway.networking.k8s.io, kind: Gateway, namespace: chat }]
  to: [{ group: "", kind: Secret }]
---
`
    const far = TLS.replace("name: cert", "name: cert, namespace: other")
    const yaml = secret("cert", "good", "other") + grant
    expect(listener(far, yaml)).toContain("ResolvedRefs True ResolvedRefs")
    expect(listener(far, yaml.replace("kind: Secret }]", "kind: Secret, name: others }]"))).toContain(
      "ResolvedRefs False RefNotPermitted: no ReferenceGrant in other lets a Gateway refer to Secret cert",
    )
    const { config, files } = translated(CLASS + yaml + gateway("web", far))
    const [certificate] = config.listeners[0]!.tls!.certificates
    expect([files.get(certificate!.certFile), files.get(certificate!.keyFile)]).toEqual(["good", "key"])
  })

  test("listeners in each other's way: the first is served", () => {
    const { statuses, config } = translated(
      CLASS +
        secret("cert", "good") +
        gateway("web", HTTP, HTTP.replace("http", "again"), TLS.replace("443", "80")) +
        gateway("young", HTTP),
    )
    const of = (name: string, at: number) => said(statuses(null), "gateways", name, "listeners", at).at(-1)
    expect(of("web", 0)).toBe("Conflicted False NoConflicts")
    expect(of("web", 1)).toBe(
      "Conflicted True HostnameConflict: listener http of Gateway chat/web has every hostname at the port of again already",
    )
    expect(of("web", 2)).toBe(
      "Conflicted True ProtocolConflict: listener http of Gateway chat/web speaks HTTP at this port",
    )
    expect(of("young", 0)).toMatch(/^Conflicted True HostnameConflict/)
    expect(config.listeners).toHaveLength(1)
    expect(said(statuses(null), "gateways", "web")[0]).toBe(
      "Accepted True ListenersNotValid: a listener is not valid: see its conditions",
    )
    expect(said(statuses(null), "gateways", "young")).toEqual([
      "Accepted False ListenersNotValid: a listener is not valid: see its conditions",
      "Programmed False Invalid: no listener of it can be served",
    ])
  })

  test("an address of its own keeps it apart", () => {
    const own = gateway("own", HTTP).replace("listeners:", "addresses: [{ value: 127.0.0.9 }], listeners:")
    const { config, statuses } = translated(WEB + own)
    expect(config.listeners.map(({ name }) => name)).toEqual(["0.0.0.0:80", "127.0.0.9:80"])
    expect(statuses(null)[2]!.status).toMatchObject({
      addresses: [{ type: "IPAddress", value: "127.0.0.9" }],
    })
    const named = own.replace("value: 127.0.0.9", "type: Hostname, value: a.test")
    expect(said(translated(CLASS + named).statuses(null), "gateways", "own")).toEqual([
      "Accepted False UnsupportedAddress: addresses are IPAddresses, not Hostname",
      "Programmed False Invalid: addresses are IPAddresses, not Hostname",
    ])
  })

  test("a pool gives each that asks for none an address of its own, which it keeps; the last has none", () => {
    const pool = ["127.0.0.5", "127.0.0.6"]
    const fixed = gateway("fixed", HTTP).replace(
      "listeners:",
      "addresses: [{ value: 127.0.0.9 }], listeners:",
    )
    const kept = gateway("kept", HTTP).replace(
      "\n---",
      "\nstatus: { addresses: [{ value: 127.0.0.5 }] }\n---",
    )
    const yaml = CLASS + gateway("old", HTTP) + fixed + kept + gateway("late", HTTP)
    const { config, statuses } = translated(yaml, { pool })
    const hosts = config.listeners.map(({ name }) => name)
    expect(hosts).toEqual(["127.0.0.5:80", "127.0.0.6:80", "127.0.0.9:80"])
    const addresses = statuses(null).flatMap(({ name, status }) =>
      "addresses" in status ? [`${name} ${status.addresses.map(({ value }) => value).join()}`] : [],
    )
    expect(addresses).toEqual(["old 127.0.0.6", "fixed 127.0.0.9", "kept 127.0.0.5", "late "])
    expect(said(statuses(null), "gateways", "late")).toEqual([
      "Accepted False NoResources: no address is left for it",
      "Programmed False Invalid: no address is left for it",
    ])
  })

  test("what could not be put in force is not programmed, nor where no address is known or to be had", () => {
    const { statuses } = translated(WEB)
    expect(said(statuses("no memory"), "gateways", "web")).toContain("Programmed False Invalid: no memory")
    expect(said(statuses("no memory"), "gateways", "web", "listeners")).toContain(
      "Programmed False Invalid: no memory",
    )
    expect(said(translated(WEB, { addresses: [] }).statuses(null), "gateways", "web")).toContain(
      "Programmed False AddressNotAssigned: no address is known that it is reached at",
    )
    const unavailable = new Map([["0.0.0.0:80", "the port is taken"]])
    const taken = translated(WEB, { unavailable })
    expect(taken.config.listeners).toEqual([])
    expect(said(taken.statuses(null), "gateways", "web", "listeners")[0]).toBe(
      "Accepted False PortUnavailable: 0.0.0.0:80: the port is taken",
    )
  })
})

describe("a route and its parents", () => {
  const parents = (spec: string, more = "", at = 0) =>
    said(
      translated(WEB + more + route("r", `${spec}, rules: [{ ${to("one")} }]`)).statuses(null),
      "grpcRoutes",
      "r",
      "parents",
      at,
    )

  test.for<[string, string, string]>([
    ["hostnames: []", "", "Accepted True Accepted"],
    ["parentRefs: [{ name: web, sectionName: http, port: 80 }]", "", "Accepted True Accepted"],
    [
      "parentRefs: [{ name: web, sectionName: none }]",
      "",
      "Accepted False NoMatchingParent: the Gateway has no listener none",
    ],
    [
      "parentRefs: [{ name: web, port: 81 }]",
      "",
      "Accepted False NoMatchingParent: the Gateway has no listener port 81",
    ],
    [
      "parentRefs: [{ name: http }]",
      gateway(
        "http",
        "{ name: x, port: 81, protocol: HTTP, allowedRoutes: { kinds: [{ kind: HTTPRoute }] } }",
      ),
      "Accepted False NotAllowedByListeners: no listener allows routes of this kind from this namespace",
    ],
    [
      "parentRefs: [{ name: named }], hostnames: [b.test]",
      gateway("named", "{ name: x, port: 81, protocol: HTTP, hostname: a.test }"),
      "Accepted False NoMatchingListenerHostname: no listener has a hostname in common with the route",
    ],
    [
      "parentRefs: [{ name: named }], hostnames: [b.test, '*.test']",
      gateway("named", "{ name: x, port: 81, protocol: HTTP, hostname: a.test }"),
      "Accepted True Accepted",
    ],
    [
      "hostnames: [a.test]",
      route("older", `hostnames: ["*.test"], rules: [{ ${to("one")} }]`, "HTTPRoute"),
      "Accepted False HostnameConflict: HTTPRoute chat/older is older and has one of its hostnames",
    ],
  ])("%s", ([spec, more, wanted]) => {
    const text = spec.startsWith("parentRefs") ? `hostnames: [], ${spec}` : spec
    // YAML's last key would be an error: the parents that are meant take the place of the usual.
    const yaml = route("r", `${text}, rules: [{ ${to("one")} }]`).replace(
      spec.startsWith("parentRefs") ? "parentRefs: [{ name: web }], hostnames: [], " : "\0",
      "",
    )
    expect(said(translated(WEB + more + yaml).statuses(null), "grpcRoutes", "r", "parents")[0]).toBe(wanted)
  })

  test("Gateways that are not there or of others are not spoken of", () => {
    expect(parents("hostnames: []", "", 1)).toEqual([])
    const [status] = translated(WEB + route("r", `rules: []`).replace("name: web", "name: none"))
      .statuses(null)
      .filter(({ kind }) => kind === "grpcRoutes")
    expect(status!.status).toEqual({ parents: [] })
  })

  test.for([
    ["from: All", true],
    ["from: Same", false],
    ["from: Selector, selector: { matchLabels: { team: other } }", true],
    ["from: Selector, selector: { matchLabels: { team: chat } }", false],
    [
      "from: Selector, selector: { matchExpressions: [{ key: team, operator: In, values: [other, more] }] }",
      true,
    ],
    [
      "from: Selector, selector: { matchExpressions: [{ key: team, operator: NotIn, values: [other] }] }",
      false,
    ],
    ["from: Selector, selector: { matchExpressions: [{ key: team, operator: Exists }] }", true],
    ["from: Selector, selector: { matchExpressions: [{ key: team, operator: DoesNotExist }] }", false],
    ["from: Selector, selector: { matchExpressions: [{ key: team, operator: Nonsense }] }", false],
    ["from: None", false],
  ] as const)("of another namespace, %s", ([from, isAllowed]) => {
    const listener = `{ name: x, port: 81, protocol: HTTP, allowedRoutes: { namespaces: { ${from} } } }`
    const yaml = route("r", `rules: [{ ${to("far")} }]`)
      .replace("name: r }", "name: r, namespace: other }")
      .replace("name: web", "name: open, namespace: chat")
    const [accepted] = said(
      translated(CLASS + gateway("open", listener) + yaml).statuses(null),
      "grpcRoutes",
      "r",
      "parents",
    )
    expect(accepted!.startsWith("Accepted True")).toBe(isAllowed)
  })

  test("attached routes are counted once for each listener, and a generation that was seen is said", () => {
    const yaml = route("r", `rules: [{ ${to("one")} }]`)
      .replace("parentRefs: [", "parentRefs: [{ name: web, sectionName: http }, ")
      .replace("name: r }", "name: r, generation: 7 }")
    const statuses = translated(WEB + yaml + route("s", `rules: [{ ${to("one")} }]`)).statuses(null)
    expect(statuses[1]!.status).toMatchObject({ listeners: [{ attachedRoutes: 2 }] })
    const parent = {
      parentRef: { group: "gateway.networking.k8s.io", kind: "Gateway", name: "web" },
      controllerName: "sluice.dev/gateway",
      conditions: [{ observedGeneration: 7 }, { observedGeneration: 7 }],
    }
    expect(statuses[2]!.status).toMatchObject({
      parents: [{ ...parent, parentRef: { ...parent.parentRef, sectionName: "http" } }, parent],
    })
  })
})

describe("references to backends", () => {
  const resolved = (refs: string, more = "") =>
    said(
      translated(WEB + more + route("r", `rules: [{ backendRefs: [${refs}] }]`)).statuses(null),
      "grpcRoutes",
      "r",
      "parents",
    )

  test.for<[string, string]>([
    ["{ name: one, port: 8080 }", "ResolvedRefs True ResolvedRefs"],
    ["{ name: none, port: 8080 }", "ResolvedRefs False BackendNotFound: there is no Service chat/none"],
    ["{ name: one, port: 81 }", "ResolvedRefs False BackendNotFound: Service chat/one has no port 81"],
    ["{ name: one }", "ResolvedRefs False BackendNotFound: Service chat/one has no port (none is named)"],
    [
      "{ name: one, kind: Backend, group: example.com, port: 1 }",
      "ResolvedRefs False InvalidKind: backends are Services, not example.com/Backend",
    ],
    ["{ name: two, port: 53 }", "ResolvedRefs False UnsupportedProtocol: port 53 of Service chat/two is UDP"],
    [
      "{ name: far, namespace: other, port: 8080 }",
      "ResolvedRefs False RefNotPermitted: no ReferenceGrant in other lets a GRPCRoute refer to Service far",
    ],
  ])("%s", ([ref, wanted]) => {
    expect(resolved(ref)).toEqual(["Accepted True Accepted", wanted])
  })

  const grant = (from: string, to: string): string => `
kind: ReferenceGrant
metadata: { name: g, namespace: other }
spec: { from: [{ ${from} }], to: [{ ${to} }] }
---
`
  const FROM = "group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: chat"
  test.for<[string, string, boolean]>([
    [FROM, 'group: "", kind: Service', true],
    [FROM, 'group: "", kind: Service, name: far', true],
    [FROM, 'group: "", kind: Service, name: near', false],
    [FROM, 'group: "", kind: Secret', false],
    [FROM.replace("GRPCRoute", "HTTPRoute"), 'group: "", kind: Service', false],
    [FROM.replace("chat", "other"), 'group: "", kind: Service', false],
    [FROM.replace("gateway.networking.k8s.io", '""'), 'group: "", kind: Service', false],
  ])("a grant from { %s } to { %s }", ([from, toKind, isGranted]) => {
    const [, said] = resolved("{ name: far, namespace: other, port: 8080 }", grant(from, toKind))
    expect(said!.startsWith("ResolvedRefs True")).toBe(isGranted)
  })

  test("a rule whose backend is invalid answers UNAVAILABLE for its share, the others serve", () => {
    const bed = grpcBed(
      route("r", `rules: [{ matches: [{ method: { service: a.S } }], ${to("none")} }, { ${to("one")} }]`),
    )
    const lost = bed.begin(grpc("/a.S/M"))
    expect(lost.outcome).toMatchObject({ kind: "return", status: 503, grpcStatus: 14 })
    expect(bed.ask(grpc("/b.S/M"))).toBe("to chat/one:8080")
    const http = grpcBed(route("r", `rules: [{ ${to("none")} }]`, "HTTPRoute"))
    expect(http.begin("/x").outcome).toMatchObject({ kind: "return", status: 500 })
  })

  test("discovery is by the port's name, which it needs not have", () => {
    const { config } = translated(
      WEB + route("r", `rules: [{ backendRefs: [{ name: one, port: 8080 }, { name: two, port: 8080 }] }]`),
    )
    const source = { kind: "kubernetes", namespace: "chat", kubeconfig: null }
    expect(config.clusters).toMatchObject([
      { name: "chat/one:8080", discovery: [{ ...source, service: "one", port: null }] },
      { name: "chat/two:8080", discovery: [{ ...source, service: "two", port: "grpc" }] },
    ])
  })
})

describe("GRPCRoute", () => {
  const rule = (match: string, backend: string): string => `{ matches: [{ ${match} }], ${to(backend)} }`

  test.for<[string, string, boolean]>([
    ["method: { service: a.S, method: M }", "/a.S/M", true],
    ["method: { service: a.S, method: M }", "/a.S/N", false],
    ["method: { service: a.S }", "/a.S/N", true],
    ["method: { service: a.S }", "/a.Sx/N", false],
    ["method: { service: a.S }", "/a.S", false],
    ["method: { method: M }", "/b.S/M", true],
    ["method: { method: M }", "/b.S/Mx", false],
    ["method: { method: 'a.b' }", "/b.S/axb", false],
    ["method: { type: RegularExpression, service: 'a[.]S|b[.]S', method: 'M|N' }", "/b.S/N", true],
    ["method: { type: RegularExpression, service: 'a[.]S|b[.]S', method: 'M|N' }", "/b.S/NN", false],
    ["method: { type: RegularExpression, service: 'a.*' }", "/a.S/N", true],
    ["method: { type: RegularExpression, method: 'Get.*' }", "/a.S/GetIt", true],
    ["method: { type: RegularExpression, method: 'Get.*' }", "/a.S/It", false],
  ])("%s: %s", ([match, path, fits]) => {
    const bed = grpcBed(route("r", `rules: [${rule(match, "one")}]`))
    expect(bed.ask(grpc(path)).startsWith("to chat/one")).toBe(fits)
  })

  test.for<[string, string[], boolean]>([
    ["{ name: Version, value: two }", ["version", "two"], true],
    ["{ name: Version, value: two }", ["version", "Two"], false],
    ["{ name: Version, value: two }", [], false],
    ["{ name: price, value: '5$' }", ["price", "5$"], true],
    ["{ name: v, value: 'b|c', type: RegularExpression }", ["v", "c"], true],
    ["{ name: v, value: 'b|c', type: RegularExpression }", ["v", "cc"], false],
    ["{ name: v, value: a }, { name: w, value: b }", ["v", "a", "w", "b"], true],
    ["{ name: v, value: a }, { name: w, value: b }", ["v", "a"], false],
    ["{ name: v, value: a }, { name: V, value: b }", ["v", "a"], true],
  ])("headers %s: %j", ([headers, fields, fits]) => {
    const bed = grpcBed(route("r", `rules: [${rule(`headers: [${headers}]`, "one")}]`))
    expect(bed.ask(grpc("/a.S/M", fields)).startsWith("to chat/one")).toBe(fits)
  })

  test.each([
    [["x_role", "admin"], "to chat/two:8080"],
    [["x-role", "admin"], "to chat/one:8080"],
  ])("of a rule for x-role and one for all: %j", (fields, expected) => {
    const admins = rule("headers: [{ name: x-role, value: admin }]", "one")
    const bed = grpcBed(route("r", `rules: [${admins}, { ${to("two")} }]`))
    expect(bed.ask(grpc("/a.S/M", fields))).toBe(expected)
  })

  const M = "method: { service: a.S, method: M }"
  test.for<[string, string[]]>([
    ["a method before its service", [rule("method: { service: a.S }", "two"), rule(M, "one")]],
    [
      "a service before all",
      [rule("", "two").replace("matches: [{  }], ", ""), rule("method: { service: a.S }", "one")],
    ],
    ["headers before none", [rule(M, "two"), rule(`${M}, headers: [{ name: v, value: a }]`, "one")]],
    [
      "a method before headers alone",
      [rule("headers: [{ name: v, value: a }, { name: w, value: b }]", "two"), rule(M, "one")],
    ],
    [
      "text before an expression",
      [
        rule("method: { type: RegularExpression, service: 'a[.]S', method: 'M|Nnnnnnnnn' }", "two"),
        rule(M, "one"),
      ],
    ],
    ["the first of equals", [rule(M, "one"), rule(M, "two")]],
  ])("of two rules %s", ([, rules]) => {
    const bed = grpcBed(route("r", `rules: [${rules.join(", ")}]`))
    expect(bed.ask(grpc("/a.S/M", ["v", "a", "w", "b"]))).toBe("to chat/one:8080")
  })

  test("of two routes the older, then the one whose name comes first", () => {
    const one = route("b", `rules: [{ ${to("one")} }]`)
    const two = route("a", `rules: [{ ${to("two")} }]`)
    expect(grpcBed(one, two).ask(grpc("/a.S/M"))).toBe("to chat/one:8080")
    const sameAge = (text: string): string =>
      text.replace(" }", ", creationTimestamp: '2023-01-01T00:00:00Z' }")
    expect(grpcBed(sameAge(one), sameAge(two)).ask(grpc("/a.S/M"))).toBe("to chat/two:8080")
  })

  test("a more specific hostname counts before all else, and what it does not match goes on", () => {
    const bed = grpcBed(
      route("any", `rules: [${rule(M, "one")}]`),
      route("wide", `hostnames: ["*.test"], rules: [{ ${to("two")} }]`),
      route("near", `hostnames: [a.test], rules: [${rule("method: { service: n.S }", "one")}]`),
    )
    expect(bed.ask(grpc("/a.S/M"))).toBe("to chat/two:8080")
    expect(bed.ask(grpc("/n.S/M"))).toBe("to chat/one:8080")
    expect(bed.ask(grpc("/n.S/M", [], "b.c.test"))).toBe("to chat/two:8080")
    expect(bed.ask(grpc("/a.S/M", [], "test"))).toBe("to chat/one:8080")
    expect(bed.ask(grpc("/n.S/M", [], "test"))).toMatch(/^404/)
  })

  test("a hostname belongs to the most specific listener, and to no other", () => {
    const bed = new RouteBed(
      translated(
        CLASS +
          gateway(
            "web",
            "{ name: near, port: 80, protocol: HTTP, hostname: a.test }",
            '{ name: wide, port: 80, protocol: HTTP, hostname: "*.test" }',
          ) +
          route("near", `rules: [${rule(M, "one")}]`).replace("name: web", "name: web, sectionName: near") +
          route("wide", `rules: [{ ${to("two")} }]`).replace("name: web", "name: web, sectionName: wide"),
      ).config,
    )
    expect(bed.ask(grpc("/a.S/M"))).toBe("to chat/one:8080")
    expect(bed.ask(grpc("/a.S/N"))).toMatch(/^404/)
    expect(bed.ask(grpc("/a.S/N", [], "b.test"))).toBe("to chat/two:8080")
    expect(bed.ask(grpc("/a.S/M", [], "a.example"))).toMatch(/^404/)
  })

  test("weights: each backend has its share, and none without a weight has any", () => {
    const refs = `backendRefs: [{ name: one, port: 8080, weight: 3 }, { name: two, port: 8080 }, { name: none, port: 1, weight: 0 }]`
    const bed = grpcBed(route("r", `rules: [{ ${refs} }]`))
    const counts = new Map<string, number>()
    for (let i = 0; i < 2000; i++) {
      const said = bed.ask(grpc("/a.S/M"))
      counts.set(said, (counts.get(said) ?? 0) + 1)
    }
    expect([...counts.keys()].sort()).toEqual(["to chat/one:8080", "to chat/two:8080"])
    expect(counts.get("to chat/one:8080")! / 2000).toBeCloseTo(0.75, 1)
    const none = grpcBed(route("r", `rules: [{ backendRefs: [{ name: one, port: 8080, weight: 0 }] }]`))
    expect(none.begin(grpc("/a.S/M")).outcome).toMatchObject({ grpcStatus: 14 })
  })

  test("headers are set, added and removed: the rule's, then the backend's", () => {
    const bed = grpcBed(
      route(
        "r",
        `rules: [{
          filters: [{ type: RequestHeaderModifier, requestHeaderModifier: {
            set: [{ name: X-Set, value: rule }], add: [{ name: x-add, value: more }, { name: price, value: 5$ }], remove: [x-gone] } }],
          backendRefs: [{ name: one, port: 8080, filters: [{ type: RequestHeaderModifier, requestHeaderModifier: {
            set: [{ name: x-set, value: backend }], add: [{ name: x-add, value: last }] } }] }] }]`,
      ),
    )
    const call = bed.begin(
      grpc("/a.S/M", ["x-set", "client", "x-add", "first", "x-gone", "1", "x-kept", "1"]),
    )
    const { sent } = call
    const all = (name: string): string[] =>
      sent.fields.filter((_, at) => at % 2 === 1 && sent.fields[at - 1] === name)
    expect(all("x-set")).toEqual(["backend"])
    expect(all("x-add")).toEqual(["first", "more", "last"])
    expect(all("price")).toEqual(["5$"])
    expect(all("x-gone")).toEqual([])
    expect(all("x-kept")).toEqual(["1"])
  })

  test("what is added to x-user is not added to what a client sent as x_user", () => {
    const add =
      "filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { add: [{ name: x-user, value: guest }] } }]"
    const bed = grpcBed(route("r", `rules: [{ ${add}, ${to("one")} }]`))
    const { fields } = bed.begin(grpc("/a.S/M", ["x_user", "root"])).sent
    expect(fields.slice(8)).toEqual(["x_user", "root", "x-user", "guest"])
  })

  test("a rule that cannot be served: the others are, and the route says so", () => {
    const bad = rule("method: { type: RegularExpression, service: '(' }", "two")
    const yaml = WEB + route("r", `rules: [${bad}, { ${to("one")} }]`)
    const { statuses, config } = translated(yaml)
    expect(said(statuses(null), "grpcRoutes", "r", "parents")).toEqual([
      "Accepted True Accepted",
      "ResolvedRefs True ResolvedRefs",
      expect.stringMatching(
        /^PartiallyInvalid True UnsupportedValue: Dropped Rule rule 0: "\(" is no regular expression/,
      ),
    ])
    expect(new RouteBed(config).ask(grpc("/a.S/M"))).toBe("to chat/one:8080")
    const alone = translated(WEB + route("r", `rules: [${bad}]`))
    expect(said(alone.statuses(null), "grpcRoutes", "r", "parents")[0]).toMatch(
      /^Accepted False UnsupportedValue/,
    )
    expect(alone.statuses(null)[1]!.status).toMatchObject({ listeners: [{ attachedRoutes: 0 }] })
  })

  test("a filter that is not known is not skipped: its rule answers UNAVAILABLE", () => {
    const filters = "filters: [{ type: RequestMirror, requestMirror: {} }]"
    const { config, statuses } = translated(
      WEB +
        route("r", `rules: [{ name: m, matches: [{ ${M} }], ${filters}, ${to("one")} }, { ${to("two")} }]`),
    )
    const bed = new RouteBed(config)
    expect(bed.begin(grpc("/a.S/M")).outcome).toMatchObject({ grpcStatus: 14 })
    expect(bed.ask(grpc("/a.S/N"))).toBe("to chat/two:8080")
    expect(said(statuses(null), "grpcRoutes", "r", "parents")[2]).toBe(
      "PartiallyInvalid True UnsupportedValue: Dropped Rule rule m: the filter RequestMirror is not supported",
    )
  })

  test("what is not honoured and changes no way is noted", () => {
    const { statuses } = translated(WEB + route("r", `rules: [{ retry: { attempts: 2 }, ${to("one")} }]`))
    expect(said(statuses(null), "grpcRoutes", "r", "parents")[0]).toBe(
      "Accepted True Accepted: retry is not honoured",
    )
  })

  test("what all routes have in common is theirs too, and of all clusters", () => {
    const routes = {
      ...defaultRouteSettings(),
      readTimeoutMs: 5000,
      setHeaders: [["x-a", "1"]] as [string, string][],
    }
    const clusters = { ...defaultCluster("any"), policy: { name: "least_streams" as const } }
    const filter =
      "filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-b, value: '2' }] } }]"
    const { config } = translated(WEB + route("r", `rules: [{ ${filter}, ${to("one")} }]`), {
      common: { routes, clusters },
    })
    const [server] = config.servers
    expect(server!.fallback).toBe(routes)
    expect(server!.routes[0]!.settings).toMatchObject({
      readTimeoutMs: 5000,
      setHeaders: [
        ["x-a", "1"],
        ["x-b", "2"],
      ],
    })
    expect(config.clusters).toMatchObject([
      { name: "chat/one:8080", endpoints: [], policy: { name: "least_streams" } },
    ])
  })
})

describe("HTTPRoute", () => {
  const http = (...rules: string[]): RouteBed =>
    grpcBed(route("r", `rules: [${rules.join(", ")}]`, "HTTPRoute"))
  const rule = (match: string, name = "one"): string => `{ matches: [{ ${match} }], ${to(name)} }`

  test.for<[string, string, boolean]>([
    ["path: { value: /a }", "/a", true],
    ["path: { value: /a }", "/a/b", true],
    ["path: { value: /a }", "/ab", false],
    ["path: { value: /a/ }", "/a", true],
    ["path: { value: / }", "/x", true],
    ["path: { type: Exact, value: /a }", "/a", true],
    ["path: { type: Exact, value: /a }", "/a/", false],
    ["path: { type: RegularExpression, value: '/v[0-9]+/.*' }", "/v12/x", true],
    ["path: { type: RegularExpression, value: '/v[0-9]+' }", "/v12/x", false],
    ["method: GET", "/", true],
    ["method: PUT", "/", false],
    ["queryParams: [{ name: q, value: a }]", "/?q=a", true],
    ["queryParams: [{ name: q, value: a }]", "/?p=1&q=a&r=2", true],
    ["queryParams: [{ name: q, value: a }]", "/?q=ab", false],
    ["queryParams: [{ name: q, value: a }]", "/?qq=a", false],
    ["queryParams: [{ name: q, value: 'a b+ü' }]", "/?q=a%20b%2b%C3%bc", true],
    ["queryParams: [{ name: q, value: 'a.b' }]", "/?q=axb", false],
    ["queryParams: [{ name: q, value: 'a|b', type: RegularExpression }]", "/?q=b", true],
    ["queryParams: [{ name: q, value: 'a|b', type: RegularExpression }]", "/?q=bc", false],
  ])("%s: %s", ([match, path, fits]) => {
    expect(http(rule(match)).ask(path).startsWith("to chat/one")).toBe(fits)
  })

  test.for<[string, string, string]>([
    ["path: { value: / }", "path: { value: /a }", "/a/b"],
    ["path: { value: /a/b }", "path: { type: Exact, value: /a/b }", "/a/b"],
    ["path: { value: /a/b }", "path: { type: RegularExpression, value: '/a/.*' }", "/a/b"],
    ["path: { value: /a }", "path: { value: /a }, method: GET", "/a"],
    ["path: { value: /a }, headers: [{ name: v, value: a }]", "path: { value: /a }, method: GET", "/a"],
    ["path: { value: /a }", "path: { value: /a }, headers: [{ name: v, value: a }]", "/a"],
    ["path: { value: /a }", "path: { value: /a }, queryParams: [{ name: q, value: a }]", "/a?q=a"],
  ])("of %s and %s the second", ([first, second, path]) => {
    const bed = http(rule(first, "two"), rule(second))
    expect(bed.ask({ path, fields: ["v", "a"] })).toBe("to chat/one:8080")
  })

  const redirect = (text: string, match = "path: { value: /a }"): string =>
    `{ matches: [{ ${match} }], filters: [{ type: RequestRedirect, requestRedirect: { ${text} } }] }`
  test.for<[string, string, string]>([
    ["hostname: b.test", "/a/x?q=1", "302 http://b.test/a/x?q=1"],
    ["scheme: https", "/a", "302 https://a.test/a"],
    ["scheme: https, port: 8443, statusCode: 301", "/a", "301 https://a.test:8443/a"],
    ["port: 8080", "/a", "302 http://a.test:8080/a"],
    ["path: { type: ReplaceFullPath, replaceFullPath: /new }", "/a/x?q=1", "302 http://a.test/new?q=1"],
    [
      "path: { type: ReplacePrefixMatch, replacePrefixMatch: /new }",
      "/a/x?q=1",
      "302 http://a.test/new/x?q=1",
    ],
    ["path: { type: ReplacePrefixMatch, replacePrefixMatch: / }", "/a/x", "302 http://a.test/x"],
    [
      "path: { type: ReplacePrefixMatch, replacePrefixMatch: /new }, statusCode: 301",
      "/a",
      "301 http://a.test/new",
    ],
  ])("RequestRedirect { %s }: %s", ([text, path, wanted]) =>
    expect(http(redirect(text)).ask(path)).toBe(wanted),
  )

  const rewritten = (text: string): string =>
    `{ matches: [{ path: { value: /a } }], filters: [{ type: URLRewrite, urlRewrite: { ${text} } }], ${to("one")} }`
  test.for<[string, string, string]>([
    ["path: { type: ReplacePrefixMatch, replacePrefixMatch: /n }", "/a/x?q=1", "/n/x?q=1"],
    ["path: { type: ReplacePrefixMatch, replacePrefixMatch: /n/ }", "/a/x", "/n/x"],
    ["path: { type: ReplacePrefixMatch, replacePrefixMatch: /n }", "/a", "/n"],
    ["path: { type: ReplacePrefixMatch, replacePrefixMatch: / }", "/a/x", "/x"],
    ["path: { type: ReplacePrefixMatch, replacePrefixMatch: '' }", "/a", "/"],
    ["path: { type: ReplaceFullPath, replaceFullPath: '/n$1' }", "/a/x?q=1", "/n$1?q=1"],
  ])("URLRewrite { %s }: %s", ([text, path, wanted]) => {
    const yaml = WEB + route("r", `rules: [${rewritten(text)}]`, "HTTPRoute")
    // To an HTTP/2 backend, whose head is at hand.
    const bed = new RouteBed(
      translated(
        yaml.replace(
          "spec: { ports: [{ port: 8080 }] }",
          "spec: { ports: [{ port: 8080, appProtocol: kubernetes.io/h2c }] }",
        ),
      ).config,
    )
    const call = bed.begin(path)
    expect(call.said).toBe("to chat/one:8080")
    expect(call.sent.get(":path")).toBe(wanted)
  })

  test.for<[string, number | null]>([
    ["request: 10s", 10_000],
    ["request: 1m30s, backendRequest: 500ms", 500],
    ["request: 0s, backendRequest: 2s", 2000],
    ["request: 0s", null],
  ])("timeouts { %s }: %s ms", ([timeouts, wanted]) => {
    const yaml = route("r", `rules: [{ timeouts: { ${timeouts} }, ${to("one")} }]`, "HTTPRoute")
    expect(translated(WEB + yaml).config.servers[0]!.routes[0]!.settings.responseTimeoutMs).toBe(wanted)
  })

  test("filters that exclude each other, and what none of both has", () => {
    const both = `{ filters: [{ type: URLRewrite, urlRewrite: {} }, { type: RequestRedirect, requestRedirect: {} }], ${to("one")} }`
    const of = (rules: string, kind: string) =>
      said(
        translated(WEB + route("r", `rules: [${rules}]`, kind)).statuses(null),
        kind === "HTTPRoute" ? "httpRoutes" : "grpcRoutes",
        "r",
        "parents",
      )[0]
    expect(of(both, "HTTPRoute")).toMatch(/^Accepted False IncompatibleFilters/)
    expect(of(both, "GRPCRoute")).toBe(
      "Accepted False UnsupportedValue: rule 0: a GRPCRoute has no filter URLRewrite",
    )
  })

  test.for([
    ["", "proxy"],
    ["http", "proxy"],
    ["kubernetes.io/ws", "proxy"],
    ["kubernetes.io/h2c", "cluster"],
    ["grpc", "cluster"],
    ["mysql", "return"],
  ])("appProtocol %j: by %s", ([protocol, action]) => {
    const yaml = WEB.replace(
      "{ ports: [{ port: 8080 }] }",
      `{ ports: [{ port: 8080, appProtocol: "${protocol}" }] }`,
    )
    const { config } = translated(yaml + route("r", `rules: [{ ${to("one")} }]`, "HTTPRoute"))
    expect(config.servers[0]!.routes[0]!.action.kind).toBe(action)
  })
})

describe("BackendTLSPolicy", () => {
  const policy = (name: string, validation: string, target = "name: one"): string => `
kind: BackendTLSPolicy
metadata: { name: ${name} }
spec: { targetRefs: [{ group: "", kind: Service, ${target} }], validation: { hostname: one.test, ${validation} } }
---
`
  const CA = `
kind: ConfigMap
metadata: { name: ca }
data: { ca.crt: good }
---
kind: ConfigMap
metadata: { name: broken }
data: { ca.crt: bad }
---
`
  const ROUTE = route("r", `rules: [{ ${to("one")} }]`)
  const of = (...policies: string[]) => translated(WEB + CA + policies.join("") + ROUTE)
  const REF = "caCertificateRefs: [{ group: '', kind: ConfigMap, name: ca }]"

  test("backends are spoken to by TLS, and verified by its authority", () => {
    const { config, files, statuses } = of(policy("p", REF))
    const { action } = config.servers[0]!.routes[0]!
    expect(action).toMatchObject({ kind: "cluster", tls: { verify: true, serverName: "one.test" } })
    expect(files.get((action as { tls: { caFile: string } }).tls.caFile)).toBe("good")
    expect(said(statuses(null), "backendTlsPolicies", "p", "ancestors")).toEqual([
      "Accepted True Accepted",
      "ResolvedRefs True ResolvedRefs",
    ])
  })

  test.for<[string, string[]]>([
    [
      policy("p", REF.replace("name: ca", "name: none")),
      [
        "Accepted False NoValidCACertificate: there is no ConfigMap none with a key ca.crt",
        "ResolvedRefs False InvalidCACertificateRef: there is no ConfigMap none with a key ca.crt",
      ],
    ],
    [
      policy("p", REF.replace("name: ca", "name: broken")),
      [
        "Accepted False NoValidCACertificate: ca.crt of ConfigMap broken: not a certificate in PEM",
        "ResolvedRefs False InvalidCACertificateRef: ca.crt of ConfigMap broken: not a certificate in PEM",
      ],
    ],
    [
      policy("p", REF.replace("ConfigMap", "Secret")),
      [
        "Accepted False NoValidCACertificate: authorities are ConfigMaps, not Secret",
        "ResolvedRefs False InvalidKind: authorities are ConfigMaps, not Secret",
      ],
    ],
    [
      policy("p", "wellKnownCACertificates: Other"),
      [
        'Accepted False Invalid: wellKnownCACertificates "Other" is not known: System is',
        "ResolvedRefs True ResolvedRefs",
      ],
    ],
  ])("%s", ([text, wanted]) => {
    const { config, statuses } = of(text)
    expect(said(statuses(null), "backendTlsPolicies", "p", "ancestors")).toEqual(wanted)
    // Never without TLS where it was asked for.
    expect(config.servers[0]!.routes[0]!.action).toMatchObject({ kind: "return", grpcStatus: 14 })
  })

  test("the system's authorities, a Service that is not there, and an older policy", () => {
    const { config, statuses } = of(policy("old", "wellKnownCACertificates: System"), policy("young", REF))
    expect(config.servers[0]!.routes[0]!.action).toMatchObject({ tls: { caFile: null, verify: true } })
    expect(said(statuses(null), "backendTlsPolicies", "young", "ancestors")[0]).toBe(
      "Accepted False Conflicted: an older policy has the same target",
    )
    expect(
      said(of(policy("p", REF, "name: none")).statuses(null), "backendTlsPolicies", "p", "ancestors")[0],
    ).toBe("Accepted False TargetNotFound: there is no Service of that name")
  })
})

test("what it comes to is a configuration that sluice.yaml can say", () => {
  const { config } = translated(
    WEB +
      route(
        "r",
        `hostnames: ["*.test"], rules: [{ matches: [{ headers: [{ name: a, value: $x }] }],
          backendRefs: [{ name: one, port: 8080 }, { name: two, port: 8080 }] }]`,
      ),
  )
  const { config: read, problems } = loadYaml(toYaml(config), "sluice.yaml")
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([])
  expect(read).toEqual(config)
})

import { describe, expect, test } from "vitest"
import { DnsServer } from "../../../test/support/dns-server.ts"
import { eventually } from "../../../test/support/eventually.ts"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { DnsSource, type DnsSourceOptions } from "./dns-source.ts"
import type { DiscoveredEndpoint } from "./source.ts"
import { serverResolver } from "./system-resolver.ts"

/** A source that asks `dns`, on a clock of its own; `told` is what it says, in order. */
function sourceOf(dns: DnsServer, options: Partial<DnsSourceOptions> = {}) {
  const clock = new ManualClock()
  const told: (readonly DiscoveredEndpoint[] | string)[] = []
  const source = new DnsSource({
    host: "chat.test",
    port: 3000,
    service: null,
    validMs: null,
    families: { ipv4: true, ipv6: true },
    resolver: serverResolver([dns.address]),
    clock,
    random: () => 0.5,
    ...options,
  })
  const unread: (string | undefined)[] = []
  source.start({
    onEndpoints: (endpoints, what) => {
      told.push(endpoints)
      unread.push(what)
    },
    onFailure: (reason) => told.push(reason),
  })
  const says = async (count: number) => {
    await eventually(
      () => told.length >= count,
      () => `${count} answers; there are ${told.length}`,
    )
    return told.at(-1)
  }
  const next = async (ms: number) => {
    const count = told.length
    clock.advance(ms)
    return says(count + 1)
  }
  return { clock, told, unread, source, says, next }
}

const addresses = (answer: readonly DiscoveredEndpoint[] | string | undefined) =>
  typeof answer === "object" ? answer.map(({ address }) => address) : answer

test("every address of a name is an endpoint, of both families", async (t) => {
  const dns = await DnsServer.start(t)
  dns.names.set("chat.test", { a: ["10.0.0.2", "10.0.0.1"], aaaa: ["fd00::1"] })
  const { says, source } = sourceOf(dns)
  expect(addresses(await says(1))).toEqual(["10.0.0.1:3000", "10.0.0.2:3000", "[fd00::1]:3000"])
  source.stop()
})

test.for([
  { families: { ipv4: true, ipv6: false }, expected: ["10.0.0.1:3000"] },
  { families: { ipv4: false, ipv6: true }, expected: ["[fd00::1]:3000"] },
])("only the families that are asked for: $families", async ({ families, expected }, t) => {
  const dns = await DnsServer.start(t)
  dns.names.set("chat.test", { a: ["10.0.0.1"], aaaa: ["fd00::1"] })
  const { says, source } = sourceOf(dns, { families })
  expect(addresses(await says(1))).toEqual(expected)
  source.stop()
})

describe("is asked again", () => {
  test.for([
    { name: "when its TTL is over", ttl: 7, validMs: null, waitMs: 7_000 },
    { name: "after a second where the TTL is 0", ttl: 0, validMs: null, waitMs: 1_000 },
    { name: "after 30 s where the TTL is hours", ttl: 36_000, validMs: null, waitMs: 30_000 },
    { name: "as valid= says, whatever the TTL", ttl: 1, validMs: 60_000, waitMs: 60_000 },
  ])("$name", async ({ ttl, validMs, waitMs }, t) => {
    const dns = await DnsServer.start(t)
    dns.names.set("chat.test", { a: ["10.0.0.1"], ttl })
    const { clock, says, next, source } = sourceOf(dns, { validMs })
    await says(1)
    const asked = dns.questions.length
    clock.advance(waitMs - 1)
    expect(dns.questions.length).toBe(asked)
    dns.names.set("chat.test", { a: ["10.0.0.9"], ttl })
    expect(addresses(await next(1))).toEqual(["10.0.0.9:3000"])
    source.stop()
  })

  test("soon, when an endpoint could not be reached, but no more than once a second", async (t) => {
    const dns = await DnsServer.start(t)
    dns.names.set("chat.test", { a: ["10.0.0.1"], ttl: 30 })
    const { clock, says, next, source } = sourceOf(dns)
    await says(1)
    const asked = dns.questions.length
    for (let i = 0; i < 100; i++) source.refresh()
    clock.advance(999)
    expect(dns.questions.length).toBe(asked)
    await next(1)
    expect(dns.questions.length).toBe(2 * asked)
    source.stop()
  })
})

describe("the last answer stays when the next one", () => {
  test.for([
    { name: "is SERVFAIL", records: { rcode: 2 }, reason: "the name server failed (SERVFAIL)" },
    { name: "is NXDOMAIN", records: { rcode: 3 }, reason: "the name does not exist" },
    { name: "is refused", records: { rcode: 5 }, reason: "the name server refused to answer" },
    { name: "is a name that loops", records: { cname: "chat.test" }, reason: "the name does not exist" },
    { name: "is empty", records: {}, reason: "the name does not exist" },
  ])("$name", async ({ records, reason }, t) => {
    const dns = await DnsServer.start(t)
    dns.names.set("chat.test", { a: ["10.0.0.1"], ttl: 1 })
    const { told, says, next, source } = sourceOf(dns)
    await says(1)
    dns.names.set("chat.test", records)
    expect(await next(1_000)).toBe(reason)
    // And later and later: 1, 2, 4 s.
    dns.names.set("chat.test", { a: ["10.0.0.2"], ttl: 1 })
    expect(addresses(await next(1_000))).toEqual(["10.0.0.2:3000"])
    expect(told.length).toBe(3)
    source.stop()
  })
})

test("half an answer is none: where AAAA fails, the addresses of A alone would be a wrong picture", async (t) => {
  const dns = await DnsServer.start(t)
  dns.names.set("chat.test", { a: ["10.0.0.1"], rcodes: { AAAA: 2 } })
  const { says, source } = sourceOf(dns)
  expect(await says(1)).toBe("the name server failed (SERVFAIL)")
  source.stop()
})

test("an answer too long for UDP is asked for by TCP", async (t) => {
  const dns = await DnsServer.start(t)
  const a = Array.from({ length: 500 }, (_, index) => `10.0.${index >> 8}.${index & 255}`)
  dns.names.set("chat.test", { a, isTruncated: true })
  const { says, source } = sourceOf(dns, { families: { ipv4: true, ipv6: false } })
  expect(addresses(await says(1))?.length).toBe(500)
  expect(dns.questions).toContain("chat.test A tcp")
  source.stop()
})

test("SRV records have ports, weights and priorities of their own; port 0 is said", async (t) => {
  const dns = await DnsServer.start(t)
  dns.names.set("_grpc._tcp.chat.test", {
    srv: [
      { priority: 10, weight: 5, port: 4000, name: "one.test" },
      { priority: 20, weight: 0, port: 4001, name: "two.test" },
      { priority: 10, weight: 1, port: 0, name: "two.test" },
    ],
  })
  dns.names.set("one.test", { a: ["10.0.0.1"] })
  dns.names.set("two.test", { a: ["10.0.0.2"] })
  const { says, next, unread, source } = sourceOf(dns, { service: "grpc" })
  expect(await says(1)).toEqual([
    { address: "10.0.0.1:4000", weight: 5, priority: 0, zone: null, isDraining: false },
    { address: "10.0.0.2:4001", weight: 1, priority: 1, zone: null, isDraining: false },
  ])
  expect(unread).toEqual(["1 of 3 SRV records have port 0"])
  dns.names.set("_grpc._tcp.chat.test", { srv: [{ priority: 0, weight: 0, port: 0, name: "one.test" }] })
  expect(await next(10_000)).toBe("1 of 1 SRV records have port 0")
  source.stop()
})

test.for([
  ["http", "_http._tcp.chat.test"],
  ["_grpc._tcp", "_grpc._tcp.chat.test"],
  ["chat.v1", "chat.v1.chat.test"],
])("service=%s asks for %s", ([service, name]) => {
  const source = new DnsSource({
    ...({} as DnsSourceOptions),
    host: "chat.test",
    port: 80,
    service: service!,
  })
  expect(source.name).toBe(`dns ${name}`)
})

test("stopped in the middle of a question, it says nothing and sets no timer", async (t) => {
  const dns = await DnsServer.start(t)
  dns.names.set("chat.test", { a: ["10.0.0.1"] })
  const { clock, told, source } = sourceOf(dns)
  source.stop()
  await eventually(
    () => dns.questions.length >= 2,
    () => "the question is asked",
  )
  await new Promise<void>((resolve) => setImmediate(resolve))
  expect(told).toEqual([])
  expect(clock.timersOpen).toBe(0)
})

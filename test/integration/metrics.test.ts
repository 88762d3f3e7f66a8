import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { describe, expect, type TestContext, test } from "vitest"
import { metricsPage } from "../../scripts/write-metrics.ts"
import { metrics } from "../../src/control/admin/metric-table.ts"
import { askAdmin } from "../support/admin-client.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { freePort } from "../support/free-port.ts"
import { isInstalled } from "../support/nginx.ts"
import { RawClient } from "../support/raw-client.ts"
import { RawServer } from "../support/raw-server.ts"
import { SluiceProcess } from "../support/sluice-process.ts"

const promtool = (args: readonly string[], input?: string): string =>
  execFileSync("promtool", args, { ...(input !== undefined && { input }), encoding: "utf8" })
const hasPromtool = isInstalled("promtool", "--version", "prometheus")

const PACKAGED = new URL("../../packaging/prometheus/", import.meta.url)
const packaged = (name: string): string => readFileSync(new URL(name, PACKAGED), "utf8")

test("docs/metrics.md is as the table has it", () => {
  expect(readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8")).toBe(metricsPage())
})

test("names keep to Prometheus' conventions", () => {
  for (const { name, kind } of metrics) {
    expect(name).toMatch(/^sluice_[a-z]+(_[a-z]+)*$/)
    expect(name.endsWith("_total"), name).toBe(kind === "counter")
  }
  expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length)
})

test.each(["alerts.yaml", "alerts.test.yaml", "grafana-dashboard.json"])(
  "%s names metrics that there are",
  (file) => {
    const names = new Set(metrics.map(({ name }) => name))
    const named = new Set(packaged(file).match(/\bsluice_[a-z_]+/g))
    expect(named.size).toBeGreaterThan(5)
    const isKnown = (name: string) => names.has(name) || names.has(name.replace(/_(bucket|sum|count)$/, ""))
    expect([...named].filter((name) => !isKnown(name))).toEqual([])
  },
)

describe.skipIf(!hasPromtool)("promtool", () => {
  test("finds no fault with the rules, and they fire when they should", () => {
    const at = (name: string): string => new URL(name, PACKAGED).pathname
    expect(promtool(["check", "rules", at("alerts.yaml")])).toContain("SUCCESS")
    expect(promtool(["test", "rules", at("alerts.test.yaml")])).toContain("SUCCESS")
  })
})

async function start(t: TestContext, settings: object = {}) {
  const [alive, dying] = await Promise.all([RawServer.start(), RawServer.start()])
  for (const server of [alive, dying]) t.onTestFinished(() => server!.close())
  const [port, admin] = [await freePort(), await freePort()]
  const addresses = [alive!, dying!].map((server) => `127.0.0.1:${server.port}`)
  const sluice = new SluiceProcess(t, {
    workers: 2,
    listeners: [`127.0.0.1:${port}`],
    admin,
    clusters: { chat: addresses },
    ...settings,
  })
  await sluice.says('"message":"listening"')
  const scrape = async (accept = ""): Promise<string> =>
    (await askAdmin(admin, "/metrics", { headers: { accept } })).text
  return { sluice, port, admin, addresses, alive: alive!, dying: dying!, scrape }
}

/** Where no control plane is named nothing is said of it: 0 would be one that is lost. */
const NO_SERIES = "sluice_control_plane_connected"

/** The sum of a metric's samples that have `labels` in this order. */
function sumOf(text: string, name: string, labels = ""): number {
  const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  return lines
    .filter((line) => line.includes(labels))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0)
}

describe("what is counted", () => {
  test("streams, messages both ways, their ends and octets, while they go on", async (t) => {
    const { port, alive, dying, scrape } = await start(t)
    const client = await RawClient.connect(port)
    t.onTestFinished(() => client.destroy())
    const ids = Array.from({ length: 4 }, () => client.open())
    const streams = () => [...alive.streams, ...dying.streams]
    await eventually(
      () => streams().length === 4,
      () => "four streams",
    )
    const message = Buffer.from([0, 0, 0, 0, 3, 1, 2, 3])
    for (const id of ids) client.send(dsl.data(id, Buffer.concat([message, message])))
    for (const { connection, id } of streams())
      connection.send(dsl.headers(id, dsl.response), dsl.data(id, message))
    await client.until(() => ids.every((id) => client.dataOf(id).length === 8), "an answer to each")
    const live = await scrape()
    expect(sumOf(live, "sluice_streams_open")).toBe(4)
    expect(sumOf(live, "sluice_legs_total")).toBe(4)
    expect(sumOf(live, "sluice_messages_total", 'direction="request"')).toBe(8)
    expect(sumOf(live, "sluice_messages_total", 'direction="response"')).toBe(4)
    expect(sumOf(live, "sluice_data_bytes_total", 'direction="request"')).toBe(64)
    expect(sumOf(live, "sluice_data_bytes_total", 'direction="response"')).toBe(32)
    const [first, second, third, fourth] = streams()
    for (const { connection, id } of [first!, second!])
      connection.send(dsl.headers(id, dsl.okTrailers, { endStream: true }))
    third!.connection.send(dsl.rstStream(third!.id, 2))
    fourth!.connection.send(dsl.headers(fourth!.id, [["grpc-status", "13"]], { endStream: true }))
    for (const id of ids) await client.end(id)
    const ended = await scrape()
    expect(sumOf(ended, "sluice_streams_open")).toBe(0)
    expect(sumOf(ended, "sluice_requests_total")).toBe(4)
    expect(sumOf(ended, "sluice_streams_ended_total", 'code="OK"')).toBe(2)
    expect(sumOf(ended, "sluice_streams_ended_total", 'code="INTERNAL"')).toBe(1)
    expect(sumOf(ended, "sluice_streams_ended_total", 'code="none"')).toBe(1)
    expect(sumOf(ended, "sluice_legs_ended_total", 'end="complete"')).toBe(3)
    expect(sumOf(ended, "sluice_legs_ended_total", 'end="reset"')).toBe(1)
  })

  test("retries, failures and ejections", async (t) => {
    const { port, alive, dying, addresses, scrape } = await start(t)
    await dying.close()
    const client = await RawClient.connect(port)
    t.onTestFinished(() => client.destroy())
    for (let many = 0; many < 4; many++) client.open()
    await eventually(
      () => alive.streams.length === 4,
      () => "all go to the one that lives",
    )
    const text = await scrape()
    expect(sumOf(text, "sluice_retries_total", `endpoint="${addresses[0]}"`)).toBeGreaterThan(0)
    expect(
      sumOf(text, "sluice_endpoint_failures_total", `endpoint="${addresses[1]}",of="connection"`),
    ).toBeGreaterThan(0)
    expect(sumOf(text, "sluice_endpoint_ejections_total", `endpoint="${addresses[1]}"`)).toBe(1)
    expect(sumOf(text, "sluice_events_total", 'kind="ejection"')).toBe(1)
  })

  test("routes: streams by status, messages, time to an endpoint, gaps and stalls", async (t) => {
    const routes = [{ exact: "/chat.Chat/Talk", cluster: "chat" }, { cluster: "chat" }]
    const { port, alive, dying, scrape } = await start(t, { servers: [{ names: ["chat.test"], routes }] })
    const client = await RawClient.connect(port, { givesCredit: false })
    t.onTestFinished(() => client.destroy())
    const path = "/chat.Chat/Talk"
    const request = dsl.request.map(([name, value]) => [name, name === ":path" ? path : value] as const)
    const id = client.open(request)
    const other = client.open()
    const streams = () => [...alive.streams, ...dying.streams]
    await eventually(
      () => streams().length === 2,
      () => "two streams",
    )
    const message = Buffer.from([0, 0, 0, 0, 3, 1, 2, 3])
    client.send(dsl.data(id, message), dsl.data(id, message))
    const one = streams().find(({ fields }) => fields.some(([, value]) => value === path))!
    // More than the client has credit for: the rest waits until it gives some.
    const large = Buffer.alloc(70_000)
    large.writeUInt32BE(large.length - 5, 1)
    one.connection.send(dsl.headers(one.id, dsl.response))
    for (let at = 0; at < large.length; at += 10_000)
      one.connection.send(dsl.data(one.id, large.subarray(at, at + 10_000)))
    await client.until(() => client.dataOf(id).length === 65_535, "all that it has credit for")
    const route = `server="chat.test",route="= ${path}"`
    await eventually(
      async () =>
        sumOf(await scrape(), "sluice_route_data_bytes_total", `${route},direction="response"`) === 70_000,
      () => "the whole answer is counted",
    )
    client.send(dsl.windowUpdate(0, 100_000), dsl.windowUpdate(id, 100_000))
    await client.until(() => client.dataOf(id).length === 70_000, "the rest")
    const live = await scrape()
    expect(sumOf(live, "sluice_route_streams_open", route)).toBe(1)
    expect(sumOf(live, "sluice_route_streams_open")).toBe(2)
    expect(sumOf(live, "sluice_route_streams_total", route)).toBe(1)
    expect(sumOf(live, "sluice_route_messages_total", `${route},direction="request"`)).toBe(2)
    expect(sumOf(live, "sluice_route_messages_total", `${route},direction="response"`)).toBe(1)
    expect(sumOf(live, "sluice_route_head_seconds_count", route)).toBe(1)
    expect(sumOf(live, "sluice_route_message_gap_seconds_count", `${route},direction="request"`)).toBe(1)
    expect(sumOf(live, "sluice_route_stall_seconds_count", `${route},of="client"`)).toBe(1)
    expect(sumOf(live, "sluice_message_seconds_count")).toBe(3)
    if (hasPromtool) expect(promtool(["check", "metrics"], live)).toBe("")
    one.connection.send(dsl.headers(one.id, dsl.okTrailers, { endStream: true }))
    client.send(dsl.rstStream(other, 8))
    await client.end(id)
    await eventually(
      async () => sumOf(await scrape(), "sluice_route_streams_open") === 0,
      () => "no stream is open",
    )
    const ended = await scrape()
    expect(sumOf(ended, "sluice_route_streams_ended_total", `${route},code="OK"`)).toBe(1)
    expect(sumOf(ended, "sluice_route_streams_ended_total", 'route="/",code="none"')).toBe(1)
    expect(sumOf(ended, "sluice_route_responses_total", `${route},class="2xx"`)).toBe(1)
  })

  test("nothing by route where metrics are basic", async (t) => {
    const { port, alive, dying, scrape } = await start(t, { metrics: "basic" })
    const client = await RawClient.connect(port)
    t.onTestFinished(() => client.destroy())
    client.send(dsl.data(client.open(), Buffer.from([0, 0, 0, 0, 0])))
    await eventually(
      async () => sumOf(await scrape(), "sluice_messages_total") === 1,
      () => "the message is counted at its endpoint",
    )
    await eventually(
      () => alive.streams.length + dying.streams.length === 1,
      () => "the stream is at its endpoint",
    )
    expect(await scrape()).not.toMatch(/^sluice_(route|message)_/m)
  })

  test("both formats, as promtool and OpenMetrics want them", async (t) => {
    const { scrape, admin } = await start(t)
    const text = await scrape()
    if (hasPromtool) expect(promtool(["check", "metrics"], text)).toBe("")
    for (const { name, labels, kind } of metrics)
      if (Object.keys(labels).length === 0 && kind !== "histogram" && name !== NO_SERIES)
        expect(text).toMatch(new RegExp(`^${name} [\\d.e+]+$`, "m"))
    expect(text).not.toMatch(new RegExp(`^${NO_SERIES} `, "m"))
    for (const thread of [1, 2]) expect(text).toContain(`sluice_thread_heap_bytes{thread="${thread}"} `)
    const open = await scrape("application/openmetrics-text; version=1.0.0")
    expect(open).toMatch(/\n# EOF\n$/)
    const { headers } = await askAdmin(admin, "/metrics")
    expect(headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8")
  })
})

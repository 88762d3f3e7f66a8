import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Client, credentials, Metadata } from "@grpc/grpc-js"
import { describe, expect, type TestContext, test } from "vitest"
import { registerSluice } from "../../src/grpc-js/index.ts"
import { WhereBackend } from "../conformance/xds/backends.ts"
import { askAdmin } from "../support/admin-client.ts"
import { freePort } from "../support/free-port.ts"
import { SluiceProcess, testDirectory } from "../support/sluice-process.ts"

async function backends(t: TestContext, many: number): Promise<WhereBackend[]> {
  const started = await Promise.all(Array.from({ length: many }, () => WhereBackend.start()))
  for (const backend of started) t.onTestFinished(() => backend.close())
  return started
}

async function sluice(t: TestContext, chat: object, backend: readonly WhereBackend[] = []) {
  const admin = await freePort()
  const configOf = (cluster: object) => ({ listeners: "127.0.0.1:0", admin, clusters: { chat: cluster } })
  const running = new SluiceProcess(
    t,
    configOf({ endpoints: backend.map(({ address }) => address), ...chat }),
  )
  await running.says('"message":"listening"')
  registerSluice({ admin })
  return {
    admin,
    running,
    async reload(cluster: object): Promise<void> {
      running.configure(configOf(cluster))
      expect((await askAdmin(admin, "/reload", { method: "POST" })).status).toBe(200)
    },
    order: (address: string, order: string) =>
      askAdmin(admin, `/clusters/chat/endpoints/${encodeURIComponent(address)}/${order}`, { method: "POST" }),
  }
}

const asItIs = (octets: Buffer): Buffer => octets

function connect(t: TestContext, cluster = "chat") {
  const client = new Client(`sluice:///${cluster}`, credentials.createInsecure())
  t.onTestFinished(() => client.close())
  const call = (headers: Record<string, string> = {}): Promise<string> =>
    new Promise((resolve) => {
      const metadata = new Metadata()
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
      const options = { deadline: Date.now() + 10_000 }
      client.makeUnaryRequest(
        "/where.Where/Am",
        asItIs,
        asItIs,
        Buffer.alloc(0),
        metadata,
        options,
        (error, answer) => resolve(error === null ? String(answer) : error.details),
      )
    })
  /** How many of so many calls each backend had. */
  const spread = async (calls: number, headers?: Record<string, string>): Promise<Record<string, number>> => {
    const by: Record<string, number> = {}
    for (let i = 0; i < calls; i++) {
      const answer = await call(headers)
      by[answer] = (by[answer] ?? 0) + 1
    }
    return by
  }
  const reaches = async (addresses: readonly string[], headers?: Record<string, string>): Promise<void> => {
    const wanted = [...addresses].sort()
    for (;;) {
      const by = await spread(4 * wanted.length, headers)
      if (JSON.stringify(Object.keys(by).sort()) === JSON.stringify(wanted)) return
    }
  }
  return { client, call, spread, reaches }
}

describe("sluice:///CLUSTER, from the admin API", () => {
  test("calls go where Sluice says, by its policy, and follow what changes", async (t) => {
    const all = await backends(t, 3)
    const [a, b, c] = all.map(({ address }) => address)
    const { reload, order } = await sluice(t, { policy: "round_robin" }, all.slice(0, 2))
    const { spread, reaches } = connect(t)
    await reaches([a!, b!])
    expect(await spread(20)).toEqual({ [a!]: 10, [b!]: 10 })
    await reload({ endpoints: [a, b, { address: c, weight: 3 }], policy: "round_robin" })
    await reaches([a!, b!, c!])
    expect(await spread(20)).toEqual({ [a!]: 4, [b!]: 4, [c!]: 12 })
    await order(a!, "drain")
    await reaches([b!, c!])
    await order(a!, "resume")
    await reaches([a!, b!, c!])
  })

  test("a ring places calls by a header, the same as long as the endpoints are", async (t) => {
    const all = await backends(t, 3)
    await sluice(t, { policy: { name: "ring_hash", key: "$http_x_user" } }, all)
    const { call, reaches, spread } = connect(t)
    // Without the header there is no key: chance draws, and all are connected once each has answered.
    await reaches(all.map(({ address }) => address))
    const homes = new Set<string>()
    for (let user = 0; user < 20; user++) {
      const home = await call({ "x-user": `user ${user}` })
      expect(await spread(3, { "x-user": `user ${user}` })).toEqual({ [home]: 3 })
      homes.add(home)
    }
    expect(homes.size).toBeGreaterThan(1)
  })

  test("fewest streams: silent ones count", async (t) => {
    const all = await backends(t, 2)
    await sluice(t, { policy: "least_streams" }, all)
    const { client, reaches } = connect(t)
    await reaches(all.map(({ address }) => address))
    const streams = Array.from({ length: 10 }, () =>
      client.makeBidiStreamRequest("/where.Where/Silent", asItIs, asItIs),
    )
    for (const stream of streams) stream.on("error", () => {})
    await expect.poll(() => all.map(({ silent }) => silent)).toEqual([5, 5])
    for (const stream of streams) stream.cancel()
    await expect.poll(() => all.map(({ silent }) => silent)).toEqual([0, 0])
  })

  test("backups have calls when no other can", async (t) => {
    const [a, b] = await backends(t, 2)
    const endpoints = [a!.address, { address: b!.address, backup: true }]
    await sluice(t, { endpoints, policy: "round_robin" })
    const { reaches } = connect(t)
    await reaches([a!.address])
    a!.close()
    await reaches([b!.address])
  })

  test("without a Sluice the last that was heard holds, and a new one is heard", async (t) => {
    const all = await backends(t, 2)
    const { running, admin } = await sluice(t, {}, all.slice(0, 1))
    const { reaches } = connect(t)
    await reaches([all[0]!.address])
    running.signal("SIGKILL")
    await running.ended
    await reaches([all[0]!.address])
    const again = new SluiceProcess(t, {
      listeners: "127.0.0.1:0",
      admin,
      clusters: { chat: [all[1]!.address] },
    })
    await again.says('"message":"listening"')
    await reaches([all[1]!.address])
  })

  test("a cluster that is not there is said so", async (t) => {
    await sluice(t, {}, await backends(t, 1))
    const { call } = connect(t, "nobody")
    expect(await call()).toContain("there is no cluster nobody")
  })
})

test("sluice:///CLUSTER from a file", async (t) => {
  const [a, b] = (await backends(t, 2)).map(({ address }) => address)
  const path = join(testDirectory(t), "chat.yaml")
  writeFileSync(path, JSON.stringify([a]))
  registerSluice({ files: { chat: path }, policy: { name: "round_robin" } })
  const { reaches } = connect(t)
  await reaches([a!])
  writeFileSync(path, JSON.stringify([a, { address: b, weight: 2 }]))
  await reaches([a!, b!])
})

test("a cluster that no file is given for is said so", async (t) => {
  registerSluice({ files: { chat: "/nowhere" } })
  expect(await connect(t, "other").call()).toContain("cluster other: no file of it was given")
})

test.each<[object, string]>([
  [{}, "admin or files must be given"],
  [{ admin: "nonsense here" }, "admin: nonsense here"],
])("registerSluice(%j) says what is wrong", (options, message) => {
  expect(() => registerSluice(options)).toThrow(message)
})

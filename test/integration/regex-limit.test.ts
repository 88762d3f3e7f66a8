import { expect, test } from "vitest"
import { createLog } from "../../src/log/logger.ts"
import * as dsl from "../support/frame-dsl.ts"
import { TestBed } from "../support/test-bed.ts"

const http = dsl.withFields(dsl.request, { "content-type": undefined, te: undefined, ":method": "GET" })

test("a regex that runs out of steps costs its own request, counted and logged by rate", async (t) => {
  const lines: Record<string, unknown>[] = []
  const bed = await TestBed.start(t, {
    log: createLog({ level: "info", write: (line) => lines.push(JSON.parse(line)) }),
    config: {
      limits: { regexSteps: 10_000 },
      routes: [
        { regex: "^/(?=(a+)+$)(a+)+!", return: { text: "never" } },
        { prefix: "/", cluster: "test" },
      ],
    },
  })
  const client = await bed.rawClient()
  const ask = async (fields: readonly dsl.Field[], path: string) => {
    const id = client.open(dsl.withFields(fields, { ":path": path }), { endStream: true })
    await client.end(id)
    return client.about(id)[0]
  }
  const hard = `/${"a".repeat(50)}`
  expect(await ask(http, hard)).toContain(":status=500")
  expect(await ask(dsl.request, `${hard}a`)).toContain(
    "grpc-status=13 grpc-message=a regex of the configuration took more than regexSteps (10000) for this request",
  )
  expect((await bed.client().unary(Buffer.from("x"))).code).toBe(0)
  expect(bed.balancer.counters.get("regex_steps_exceeded")).toBe(2)
  const told = lines.filter(({ message }) => message === "limit reached: regex_steps_exceeded")
  expect(told[0]).toMatchObject({ of: "location", octets: 51, regexSteps: 10_000 })
  const statuses = (await bed.ended()).map(({ status }) => status)
  expect(statuses).toContain(500)
})

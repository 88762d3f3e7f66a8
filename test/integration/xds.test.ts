import { fileURLToPath } from "node:url"
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { Client, credentials, status } from "@grpc/grpc-js"
import { expect, test } from "vitest"
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../src/xds/gen/envoy/service/discovery/v3/discovery_pb.ts"
import { LISTENER } from "../../src/xds/type-urls.ts"
import { caseNames, runCase } from "../conformance/xds/cases.ts"
import { freePort } from "../support/free-port.ts"
import { SluiceProcess } from "../support/sluice-process.ts"

const NODE_CLIENT = fileURLToPath(new URL("../conformance/xds/node-client.ts", import.meta.url))

const asItIs = (octets: Buffer): Buffer => octets

test("a client that sends nonsense, again and again, ends alone", async (t) => {
  const xds = await freePort()
  const sluice = new SluiceProcess(t, {
    listeners: "127.0.0.1:0",
    admin: { xds },
    clusters: { chat: ["127.0.0.1:9"] },
  })
  await sluice.says('"message":"listening"')
  const client = new Client(`127.0.0.1:${xds}`, credentials.createInsecure())
  t.onTestFinished(() => client.close())
  const open = () =>
    client.makeBidiStreamRequest(
      "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
      asItIs,
      asItIs,
    )
  const bad = open()
  const ended = new Promise<number>((resolve) =>
    bad.on("error", ({ code }: { code: number }) => resolve(code)),
  )
  for (let i = 0; i < 20; i++) bad.write(Buffer.from("no message of protobuf"))
  expect(await ended).toBe(status.INVALID_ARGUMENT)
  const good = open()
  const answered = new Promise<Buffer>((resolve) => good.once("data", resolve))
  const request = create(DiscoveryRequestSchema, { typeUrl: LISTENER, resourceNames: ["chat"] })
  good.write(Buffer.from(toBinary(DiscoveryRequestSchema, request)))
  expect(fromBinary(DiscoveryResponseSchema, await answered).resources).toHaveLength(1)
  good.on("error", () => {})
  good.cancel()
  expect(sluice.said).not.toContain("unexpected error")
})

/** Those where most of Sluice's own takes part. `npm run interop:fleet` runs all, with clients of three kinds. */
const CASES = ["scale up and down", "routes by a header", "TLS to backends", "a NACK is shown"]

test.each(CASES)("grpc-js without a proxy: %s", async (name) => {
  expect(caseNames).toContain(name)
  await expect(runCase(name, { command: process.execPath, args: [NODE_CLIENT] })).resolves.toBeUndefined()
})

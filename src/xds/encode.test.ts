import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { AnySchema } from "@bufbuild/protobuf/wkt"
import { expect, test } from "vitest"
import { ResponseEncoder } from "./encode.ts"
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from "./gen/envoy/service/discovery/v3/discovery_pb.ts"
import { LoadStatsRequestSchema, LoadStatsResponseSchema } from "./gen/envoy/service/load_stats/v3/lrs_pb.ts"
import { LoadReports } from "./load-reports.ts"
import { ResourceStore } from "./store.ts"
import { CLUSTER } from "./type-urls.ts"

const any = (octets: number): Uint8Array =>
  toBinary(AnySchema, create(AnySchema, { typeUrl: CLUSTER, value: new Uint8Array(octets).fill(7) }))

test.each([0, 1, 127, 128, 300, 20_000])(
  "a response with resources of %i octets is read as what it is",
  (size) => {
    const store = new ResourceStore("e")
    store.replace(
      CLUSTER,
      new Map([
        ["a", any(size)],
        ["b c", any(2)],
      ]),
    )
    const encoder = new ResponseEncoder(store)
    for (const nonce of ["1", "12345678"]) {
      const response = { type: CLUSTER, version: "e.1", nonce, names: ["a", "b c", "gone"] } as const
      const read = fromBinary(DiscoveryResponseSchema, encoder.encode(response))
      expect(read).toMatchObject({ typeUrl: CLUSTER, versionInfo: "e.1", nonce })
      expect(read.resources.map(({ value }) => value.length)).toEqual([size, 2])
    }
  },
)

test.each([0, 1, 127, 128, 20_000])("a delta with a resource of %i octets is read as what it is", (size) => {
  const store = new ResourceStore("e")
  store.replace(CLUSTER, new Map([["a", any(size)]]))
  const encoder = new ResponseEncoder(store)
  for (const nonce of ["1", "12345678"]) {
    const resources = [["a", "e.1"] as const]
    const response = { type: CLUSTER, version: "e.2", nonce, resources, removed: ["b", "c d"] } as const
    const read = fromBinary(DeltaDiscoveryResponseSchema, encoder.encodeDelta(response))
    expect(read).toMatchObject({
      typeUrl: CLUSTER,
      systemVersionInfo: "e.2",
      nonce,
      removedResources: ["b", "c d"],
      resources: [{ name: "a", version: "e.1", resource: { typeUrl: CLUSTER } }],
    })
    expect(read.resources[0]!.resource!.value).toHaveLength(size)
  }
})

test("what was put together before a change is not sent after it", () => {
  const store = new ResourceStore("e")
  store.replace(CLUSTER, new Map([["a", any(1)]]))
  const encoder = new ResponseEncoder(store)
  const response = { type: CLUSTER, version: "e.1", nonce: "1", names: ["a"] } as const
  encoder.encode(response)
  store.replace(CLUSTER, new Map([["a", any(5)]]))
  encoder.changed()
  expect(fromBinary(DiscoveryResponseSchema, encoder.encode(response)).resources[0]!.value).toHaveLength(5)
})

test("loads that clients report are summed, and what a client had open ends with it", () => {
  const loads = new LoadReports()
  const [one, other] = [loads.begin(), loads.begin()]
  const report = (open: bigint, issued: bigint): Uint8Array =>
    toBinary(
      LoadStatsRequestSchema,
      create(LoadStatsRequestSchema, {
        clusterStats: [
          {
            clusterName: "chat 2",
            clusterServiceName: "chat",
            upstreamLocalityStats: [
              { totalRequestsInProgress: open, totalIssuedRequests: issued, totalSuccessfulRequests: issued },
            ],
          },
        ],
      }),
    )
  const first = one.receive(report(0n, 0n))!
  expect(fromBinary(LoadStatsResponseSchema, first)).toMatchObject({
    sendAllClusters: true,
    loadReportingInterval: { seconds: 10n },
  })
  expect(one.receive(report(3n, 10n))).toBeNull()
  other.receive(report(4n, 1n))
  one.receive(report(2n, 5n))
  expect(Object.fromEntries(loads.clusters)).toEqual({
    chat: { issued: 16, succeeded: 16, failed: 0, open: 6 },
  })
  one.end()
  one.end()
  expect(loads.clusters.get("chat")).toMatchObject({ issued: 16, open: 4 })
})

import { PLAIN, planOf } from "./plain.ts"
import type { Plan } from "./plan.ts"

/** Runs that once broke a rule, in small. `mutation` plants the same bug again; null: by now it would do no harm. */
export const regressions: readonly {
  readonly what: string
  readonly mutation: string | null
  readonly plan: Plan
}[] = [
  {
    what: "a gRPC call answered early does not go on sending its request",
    mutation: "early-answer-lingers",
    plan: planOf({
      endpoints: [{ ...PLAIN.endpoint, windowOctets: 7 }],
      calls: [
        {
          ...PLAIN.call,
          request: [{ afterMs: 0, octets: 20, padding: 0 }],
          requestEnd: "with last",
          response: { ...PLAIN.response, begin: "at once" },
        },
      ],
    }),
  },
  {
    what: "a stream that waits for a connection outlives a reload",
    mutation: "reload-fails-waiters",
    plan: planOf({
      conditions: { delayMs: 10, capacityOctets: 1_000_000, cutShare: 0 },
      calls: [{ ...PLAIN.call }, { ...PLAIN.call, id: 2, atMs: 500 }],
      faults: [25, 30, 35, 40].map((atMs) => ({ atMs, kind: "reload", isChanged: true })),
    }),
  },
  {
    what: "a reload while the balancer closes opens nothing again",
    mutation: "reload-while-closing",
    plan: planOf({
      calls: [{ ...PLAIN.call, request: [{ afterMs: 500, octets: 1, padding: 0 }] }],
      faults: [{ atMs: 200, kind: "reload", isChanged: false }],
      close: { atMs: 100, graceMs: 30_000 },
    }),
  },
  {
    what: "an answer that nobody is left to better is passed on",
    mutation: "answer-thrown-away",
    plan: planOf({
      cluster: { ...PLAIN.cluster, retryConditions: ["error", "timeout", "http_503"], retryTries: 2 },
      calls: [
        { ...PLAIN.call, protocol: "http", method: "GET", response: { ...PLAIN.response, status: 503 } },
      ],
    }),
  },
  {
    what: "what is kept for a retry holds up no credit when memory is short",
    mutation: null,
    plan: planOf({
      limits: { streamWindowOctets: 65_535, bufferedOctetsMax: 1024 * 1024, bufferedWithholdPercent: 2 },
      calls: [
        {
          ...PLAIN.call,
          request: [30_000, 30_000, 30_000].map((octets) => ({ afterMs: 0, octets, padding: 0 })),
        },
      ],
    }),
  },
  {
    what: "what waits for its first leg is sent whole, though memory gets short while the leg is opened",
    mutation: "replay-dropped-while-opening",
    plan: planOf({
      limits: { unsentOctetsMax: 16_384, bufferedOctetsMax: 1024 * 1024, bufferedWithholdPercent: 2 },
      // Heads of 48 fields fill the socket past twice `unsentOctetsMax`, octets of the last but one what may be held.
      calls: [[1867], [], [], [], [], [], [], [12_667, 1867, 3744], [3]].map((pieces, id) => ({
        ...PLAIN.call,
        id,
        metadata: 48,
        request: pieces.map((octets) => ({ afterMs: 0, octets, padding: 0 })),
        response: { ...PLAIN.response, begin: "at once" },
      })),
    }),
  },
  {
    what: "what is sent again after a 503 is whole, though the leg's place goes to a stream that makes memory short",
    mutation: "replay-kept-too-late",
    plan: planOf({
      limits: { bufferedOctetsMax: 1024 * 1024, bufferedWithholdPercent: 2 },
      cluster: {
        ...PLAIN.cluster,
        maxStreamsPerConnection: 1,
        maxConnectionsPerEndpoint: 1,
        retryConditions: ["http_503"],
      },
      endpoints: [1, 2].map(() => ({ ...PLAIN.endpoint, windowOctets: 1000 })),
      calls: [
        {
          ...PLAIN.call,
          protocol: "http",
          method: "GET",
          request: [3000, 3000].map((octets) => ({ afterMs: 0, octets, padding: 0 })),
          response: { ...PLAIN.response, status: 503, headAfterMs: 100 },
        },
        { ...PLAIN.call, id: 2 },
        { ...PLAIN.call, id: 3, atMs: 50, request: [{ afterMs: 0, octets: 10_000, padding: 0 }] },
      ],
    }),
  },
  {
    what: "blanks and line ends in what a backend says lose no answer",
    mutation: "blanks-lose-the-answer",
    plan: planOf({ calls: [{ ...PLAIN.call, metadata: 4, isUntidy: true, requestEnd: "trailers" }] }),
  },
  {
    what: "a backend that acknowledges SETTINGS with its answer, 15 s later, keeps its call",
    mutation: "late-acknowledgement-fatal",
    plan: planOf({
      endpoints: [{ ...PLAIN.endpoint, ackDelayMs: 15_000 }],
      clients: [{ ...PLAIN.peer, ackDelayMs: null }],
      calls: [{ ...PLAIN.call, response: { ...PLAIN.response, headAfterMs: 15_000 } }],
    }),
  },
]

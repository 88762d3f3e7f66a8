import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { fillTemplate } from "../peers/template.ts"
import { account, answeredShares, type Truth } from "./account.ts"
import { pictureOf } from "./picture.ts"
import type { CallRecord, StreamRecord } from "./protocol.ts"
import type { ProxyValues } from "./setup.ts"
import { SETUPS } from "./setups.ts"

const FROM_MS = 10_000
const stream = (given: Partial<StreamRecord>): StreamRecord => ({
  backend: 0,
  openedMs: 0,
  lostMs: null,
  reason: "",
  quietStallMs: 0,
  stallMs: 0,
  ...given,
})
const call = (given: Partial<CallRecord>): CallRecord => ({
  dueMs: FROM_MS,
  backend: 0,
  answeredMs: FROM_MS + 1,
  reason: "",
  ...given,
})
/** `counts[window][backend]` answered calls from the trouble on. */
const callsOf = (counts: readonly (readonly number[])[]): CallRecord[] =>
  counts.flatMap((window, at) =>
    window.flatMap((count, backend) =>
      Array.from({ length: count }, () => call({ backend, dueMs: FROM_MS + at * 500 + 100 })),
    ),
  )
const truth = (given: Partial<Truth>): Truth => ({
  victim: null,
  fromMs: FROM_MS,
  toMs: FROM_MS + 1000,
  serving: [0, 1, 2].map((backend) => ({ backend, fromMs: FROM_MS, toMs: FROM_MS + 1000 })),
  ...given,
})

describe("account", () => {
  test("streams lost are told apart by where they were; those that came later are no loss of those that were there", () => {
    const streams = [
      stream({ backend: 1, lostMs: FROM_MS + 5, reason: "reset" }),
      stream({ backend: 1 }),
      stream({ backend: 0, lostMs: FROM_MS + 5, reason: "GOAWAY" }),
      stream({ backend: 1, openedMs: FROM_MS + 10 }),
    ]
    expect(account(streams, [], truth({ victim: 1 }), 3)).toMatchObject({
      lostThere: 1,
      there: 2,
      lostElsewhere: 1,
      reason: "GOAWAY",
      live: [0, 2, 0],
    })
  })

  test("a call without an answer has failed, and a stream that no backend ever answered", () => {
    const calls = [
      call({}),
      call({ answeredMs: null, reason: "reset" }),
      call({ answeredMs: null, dueMs: FROM_MS - 1 }),
    ]
    const streams = [stream({ backend: -1, openedMs: FROM_MS + 1, lostMs: FROM_MS + 2 })]
    expect(account(streams, calls, truth({}), 3)).toMatchObject({
      callReason: "reset",
      callsFailed: 2,
      calls: 2,
      lostElsewhere: 0,
    })
  })

  test("stalls are told apart by where the stream was; a stream without a backend hangs on the victim", () => {
    const streams = [
      stream({ backend: 0, stallMs: 40, quietStallMs: 7 }),
      stream({ backend: 1, stallMs: 900 }),
      stream({ backend: -1, stallMs: 2000 }),
    ]
    expect(account(streams, [], truth({ victim: 1 }), 3)).toMatchObject({
      stallThereMs: 2000,
      stallElsewhereMs: 40,
      quietStallMs: 7,
    })
  })

  test.each<[name: string, counts: number[][], seconds: number, isStill: boolean]>([
    [
      "even",
      [
        [10, 10, 10],
        [10, 10, 10],
      ],
      0,
      false,
    ],
    [
      "one has none, then its share",
      [
        [15, 15, 0],
        [10, 10, 10],
      ],
      0.5,
      false,
    ],
    [
      "one has half of its share",
      [
        [10, 10, 10],
        [12, 13, 5],
      ],
      0.5,
      true,
    ],
    [
      "one is flooded",
      [
        [6, 6, 18],
        [10, 10, 10],
      ],
      0.5,
      false,
    ],
    [
      "nothing is answered",
      [
        [0, 0, 0],
        [0, 0, 0],
      ],
      1,
      true,
    ],
  ])("imbalance: %s", (_name, counts, imbalanceSeconds, isStillImbalanced) => {
    expect(account([], callsOf(counts), truth({}), 3)).toMatchObject({ imbalanceSeconds, isStillImbalanced })
  })

  test("a backend is held to its share only in windows in which it served from beginning to end", () => {
    const serving = [0, 1]
      .map((backend) => ({ backend, fromMs: FROM_MS, toMs: FROM_MS + 1000 }))
      .concat({ backend: 2, fromMs: FROM_MS + 200, toMs: FROM_MS + 1000 })
    const figures = account(
      [],
      callsOf([
        [10, 10, 3],
        [15, 15, 0],
      ]),
      truth({ serving }),
      3,
    )
    expect(figures.imbalanceSeconds).toBe(0.5)
  })
})

test("answeredShares begins before the trouble; a window in which nothing was due has no share", () => {
  const calls = [
    call({ dueMs: FROM_MS - 900 }),
    call({ dueMs: FROM_MS + 10 }),
    call({ dueMs: FROM_MS + 20, answeredMs: null }),
    call({ dueMs: FROM_MS + 5000 }),
  ]
  const shares = answeredShares(calls, { fromMs: FROM_MS, toMs: FROM_MS + 1000 }, 1000, 500)
  expect(shares).toEqual([1, null, 0.5, null])
})

test("the picture has a cell for each row and column, and says where there is no figure", () => {
  const drawn = pictureOf({
    title: "t",
    says: "s",
    columns: ["kill", "freeze"],
    rows: ["nginx", "sluice"],
    cells: [
      [{ shares: [1, 0.5] }, { shares: [] }],
      [{ shares: [1, 1] }, { shares: [null, 1] }],
    ],
    troubleAt: 1,
  })
  expect(drawn.match(/class="ground"/g)).toHaveLength(4)
  expect(drawn.match(/class="subject"/g)).toHaveLength(2)
  expect(drawn.match(/no figure/g)).toHaveLength(1)
})

describe("templates", () => {
  const values: ProxyValues = {
    port: 8080,
    backends: [3000, 3001],
    backendCount: 2,
    round: 7,
    tls: false,
    streams: 1000,
    connections: 2000,
    sockets: 4000,
    bufferOctets: 16_384,
    directory: "/tmp/d",
    threads: 1,
    accessLog: "off",
    continuity: "",
  }
  test.each(Object.entries(SETUPS))(
    "%s: every file is whole, and a reload changes one",
    (_name, { files }) => {
      const filled = files.map((name) =>
        [7, 8].map((round) => {
          const template = readFileSync(new URL(`./conf/${name}.template`, import.meta.url), "utf8")
          const given: ProxyValues = { ...values, round }
          return fillTemplate(template, given)
        }),
      )
      const all = filled.map(([text]) => text).join("\n")
      expect(all).toMatch(/8080/)
      expect(all).toMatch(/3000[\s\S]*3001/)
      expect(all).not.toMatch(/\{\{|\}\}$/m)
      expect(filled.filter(([before, after]) => before !== after)).toHaveLength(1)
    },
  )
})

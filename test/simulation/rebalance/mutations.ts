import type { Mutation } from "../mutation.ts"

/** Bugs of planners. */
export const rebalanceMutations: readonly Mutation[] = [
  {
    name: "rebalance-dwell-forgotten",
    bug: "a stream that has just moved may be moved again",
    file: "relay/call/continuity/moving.ts",
    find: "Math.max(dwellMs, LASTING_MS) : LASTING_MS",
    replace: "Math.max(0 * dwellMs, LASTING_MS) : LASTING_MS",
    world: "rebalance",
  },
  {
    name: "rebalance-pace-ignored",
    bug: "all streams that are too many move at once",
    file: "cluster/rebalance/plan-moves.ts",
    find: "const many = Math.min(Math.floor(most), sum(surplus), sum(room))",
    replace: "const many = Math.min(Math.floor(most) * 1000, sum(surplus), sum(room))",
    world: "rebalance",
  },
  {
    name: "rebalance-weights-ignored",
    bug: "the share of an endpoint is counted without its weight",
    file: "cluster/rebalance/plan-moves.ts",
    find: "(streams * weight) / weights",
    replace: "streams / endpoints.length",
    world: "rebalance",
  },
]

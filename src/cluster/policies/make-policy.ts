import type { PolicyConfig } from "../../config/model.ts"
import { HashRing, MaglevTable } from "../hashing/consistent-hash.ts"
import { LeastStreams } from "./least-streams.ts"
import { LeastTime } from "./least-time.ts"
import { NginxHashPick } from "./nginx-hash-pick.ts"
import { PlacedHash } from "./placed-hash.ts"
import { loadOf, type MakePicker } from "./policy.ts"
import { RandomPick } from "./random.ts"
import { RandomTwo } from "./random-two.ts"
import { ResponseTimes } from "./response-times.ts"
import { RoundRobin } from "./round-robin.ts"

export interface Policy {
  readonly makePicker: MakePicker
  /** To be told of each call; null: it does not matter how long they take. */
  readonly times: ResponseTimes | null
}

/** The policy of one cluster, for as long as that lives. */
export function makePolicy(config: PolicyConfig): Policy {
  switch (config.name) {
    case "round_robin":
      return { makePicker: (endpoints) => new RoundRobin(endpoints), times: null }
    case "least_streams":
      return { makePicker: (endpoints) => new LeastStreams(endpoints), times: null }
    case "random":
      return { makePicker: () => new RandomPick(), times: null }
    case "random_two": {
      if (config.by === "streams") return { makePicker: () => new RandomTwo(loadOf), times: null }
      const times = new ResponseTimes({ until: config.by, inflight: false })
      return { makePicker: () => new RandomTwo(times.costOf), times }
    }
    case "peak_ewma": {
      const times = new ResponseTimes({ until: config.by, inflight: config.inflight })
      return { makePicker: () => new LeastTime(times), times }
    }
    case "ring_hash":
    case "maglev": {
      const { key, balanceFactorPercent } = config
      const place: ConstructorParameters<typeof PlacedHash>[1]["place"] =
        config.name === "maglev" ? (placed) => new MaglevTable(placed) : (placed) => new HashRing(placed)
      const options = { place, key, balanceFactorPercent }
      return { makePicker: (endpoints) => new PlacedHash(endpoints, options), times: null }
    }
    case "nginx_hash":
    case "nginx_consistent_hash": {
      const method = config.name === "nginx_hash" ? "hash" : "consistent"
      return {
        makePicker: (endpoints) => new NginxHashPick(endpoints, { method, key: config.key }),
        times: null,
      }
    }
    case "ip_hash":
      return {
        makePicker: (endpoints) =>
          new NginxHashPick(endpoints, { method: "ip_hash", key: "$binary_remote_addr" }),
        times: null,
      }
  }
}

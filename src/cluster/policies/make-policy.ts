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
  /** An endpoint with few streams gets the next ones, however many. */
  readonly isByLoad: boolean
}

function plain(makePicker: MakePicker): Policy {
  return { makePicker, times: null, isByLoad: false }
}

function byLoad(makePicker: MakePicker, times: ResponseTimes | null = null): Policy {
  return { makePicker, times, isByLoad: true }
}

/** The policy of one cluster, for as long as that lives. */
export function makePolicy(config: PolicyConfig): Policy {
  switch (config.name) {
    case "round_robin":
      return plain((endpoints) => new RoundRobin(endpoints))
    case "least_streams":
      return byLoad((endpoints) => new LeastStreams(endpoints))
    case "random":
      return plain(() => new RandomPick())
    case "random_two": {
      if (config.by === "streams") return byLoad(() => new RandomTwo(loadOf))
      const times = new ResponseTimes({ until: config.by, inflight: false })
      return byLoad(() => new RandomTwo(times.costOf), times)
    }
    case "peak_ewma": {
      const times = new ResponseTimes({ until: config.by, inflight: config.inflight })
      return byLoad(() => new LeastTime(times), times)
    }
    case "ring_hash":
      return plain((endpoints, weights) => new PlacedHash(endpoints, HashRing.make, config, weights))
    case "maglev":
      return plain((endpoints, weights) => new PlacedHash(endpoints, MaglevTable.make, config, weights))
    case "nginx_hash":
      return plain((endpoints, weights) => new NginxHashPick(endpoints, "hash", config.key, weights))
    case "nginx_consistent_hash":
      return plain((endpoints, weights) => new NginxHashPick(endpoints, "consistent", config.key, weights))
    case "ip_hash":
      return plain(
        (endpoints, weights) => new NginxHashPick(endpoints, "ip_hash", "$binary_remote_addr", weights),
      )
  }
}

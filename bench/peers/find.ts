import type { Missing, Peer } from "./peer.ts"
import { findRival, isRival, RIVALS } from "./rivals.ts"
import { sluice } from "./sluice.ts"

const DIRECT: Peer = {
  name: "none",
  kind: "direct",
  title: "no proxy",
  template: null,
  command: () => [],
}

/** Every name `--peer` takes, in the order of tables. */
export const PEER_NAMES = [
  "none",
  ...Object.keys(RIVALS),
  "sluice",
  "sluice-2",
  "sluice-log",
  "sluice-continuity",
  "sluice-continuity-0",
]

export interface Whereabouts {
  /** Fetch or build what is not there yet. */
  readonly install: boolean
  /** Programs that the user names, by peer. */
  readonly paths: ReadonlyMap<string, string>
}

/** Looks for a peer on this machine. */
export function findPeer(name: string, { install, paths }: Whereabouts): Peer | Missing {
  if (isRival(name)) return findRival(name, paths.get(name), install)
  switch (name) {
    case "none":
      return DIRECT
    case "sluice":
      return sluice("sluice", [])
    case "sluice-2":
      return {
        ...sluice("sluice-2", []),
        title: "the same with two data threads, on the one core",
        threads: 2,
      }
    case "sluice-log":
      return {
        ...sluice("sluice-log", []),
        title: "the same with its access log on",
        variant: "log",
        accessLog: true,
      }
    case "sluice-continuity":
      return {
        ...sluice("sluice-continuity", []),
        title: "the same with continuity on (handoff, resume)",
        variant: "continuity",
        continuity: "grpc_continuity handoff resume;",
      }
    case "sluice-continuity-0":
      return {
        ...sluice("sluice-continuity-0", []),
        title: "the same without a log (keep=0)",
        variant: "continuity",
        continuity: "grpc_continuity handoff resume keep=0;",
      }
    default:
      return { name, how: `there is no such peer; known are ${PEER_NAMES.join(", ")}` }
  }
}

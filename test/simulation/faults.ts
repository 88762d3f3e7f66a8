import type { Scheduler } from "./network/scheduler.ts"
import type { VirtualNetwork } from "./network/virtual-network.ts"
import type { Backend } from "./peers/backend.ts"
import type { Client } from "./peers/client.ts"
import { makeNoise, misbehave } from "./peers/misbehaviour.ts"
import type { Peer } from "./peers/peer.ts"
import type { FaultPlan, Side } from "./plan.ts"

/** Where faults strike, and who can no longer be expected to get what was asked for. */
export interface Struck {
  readonly scheduler: Scheduler
  readonly network: VirtualNetwork
  readonly clients: readonly Client[]
  readonly backends: readonly Backend[]
  readonly hurtClients: Set<number>
  readonly hurtEndpoints: Set<number>
  addressOf(endpoint: number): string
  reload(isChanged: boolean): void
}

function connectionsOf({ clients, backends }: Struck, side: Side, index: number): Peer[] {
  return [...(side === "client" ? clients[index]!.connections : backends[index]!.connections)]
}

function hurt(struck: Struck, side: Side, index: number): void {
  ;(side === "client" ? struck.hurtClients : struck.hurtEndpoints).add(index)
}

/** Lets one planned fault happen. */
export function strike(struck: Struck, fault: FaultPlan): void {
  const { scheduler, network } = struck
  switch (fault.kind) {
    case "reload":
      return struck.reload(fault.isChanged)
    case "dies": {
      const address = struck.addressOf(fault.index)
      hurt(struck, "endpoint", fault.index)
      network.setReachability(address, "refusing")
      for (const { link } of connectionsOf(struck, "endpoint", fault.index)) link.reset()
      scheduler.in(fault.forMs, () => network.setReachability(address, "up"))
      return
    }
    case "vanishes": {
      hurt(struck, fault.side, fault.index)
      if (fault.side === "client") return struck.clients[fault.index]!.lose()
      const address = struck.addressOf(fault.index)
      network.setReachability(address, "silent")
      struck.backends[fault.index]!.lose()
      scheduler.in(fault.forMs, () => network.setReachability(address, "up"))
      return
    }
    case "leaves":
      hurt(struck, "client", fault.index)
      for (const peer of connectionsOf(struck, "client", fault.index)) {
        peer.link.end()
        peer.onGone()
      }
      return
    case "goes away":
      // One GOAWAY without warning shuts out streams that are on their way; only another endpoint can save those.
      if (fault.manner === "at once" && fault.side === "endpoint") hurt(struck, "endpoint", fault.index)
      for (const peer of connectionsOf(struck, fault.side, fault.index)) peer.goAway(fault.manner)
      return
    default:
      for (const peer of connectionsOf(struck, fault.side, fault.index)) strikeOne(struck, peer, fault)
  }
}

type ConnectionFault = Extract<
  FaultPlan,
  { kind: "resets" | "stops reading" | "settings" | "misbehaves" | "makes noise" }
>

function strikeOne(struck: Struck, peer: Peer, fault: ConnectionFault): void {
  const { scheduler } = struck
  switch (fault.kind) {
    case "resets":
      hurt(struck, fault.side, fault.index)
      return peer.link.reset()
    case "stops reading":
      peer.link.pauseReading()
      scheduler.in(fault.forMs, () => peer.link.resumeReading())
      return
    case "settings":
      peer.change(fault.change)
      scheduler.in(fault.forMs, () => peer.restore(fault.change))
      return
    case "misbehaves":
      hurt(struck, fault.side, fault.index)
      return misbehave(peer, fault.how)
    case "makes noise":
      return makeNoise(peer, fault.noise)
  }
}

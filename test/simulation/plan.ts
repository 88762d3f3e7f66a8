import type { ClusterConfig, RetryCondition } from "../../src/config/model.ts"
import type { Conditions } from "./network/pipe.ts"

/**
 * Everything that one run does, as plain data: made from a seed, made smaller by the shrinker, run by `World`.
 * Times are milliseconds of virtual time, sizes are octets.
 */
export interface Plan {
  readonly seed: number
  readonly conditions: Conditions
  /** Overrides of `limits.ts`. */
  readonly limits: Readonly<Record<string, number>>
  readonly listener: ListenerPlan
  readonly route: RoutePlan
  readonly cluster: ClusterPlan
  readonly endpoints: readonly EndpointPlan[]
  readonly clients: readonly PeerPlan[]
  readonly calls: readonly CallPlan[]
  readonly faults: readonly FaultPlan[]
  readonly close: ClosePlan
}

export interface ListenerPlan {
  readonly maxConcurrentStreams: number | null
  readonly maxRequestsPerConnection: number | null
  readonly idleConnectionTimeoutMs: number | null
}

/** Timeouts that cut what is only slow; null: none. */
export interface RoutePlan {
  readonly readTimeoutMs: number | null
  readonly sendTimeoutMs: number | null
  readonly bodyTimeoutMs: number | null
}

export interface ClusterPlan {
  readonly policy: "round_robin" | "least_streams"
  readonly maxStreamsPerConnection: number | null
  readonly maxConnectionsPerEndpoint: number | null
  readonly idleConnections: number | null
  readonly idleTimeoutMs: number | null
  readonly maxConnectionAgeMs: number | null
  readonly maxRequestsPerConnection: number | null
  readonly retryConditions: readonly RetryCondition[]
  readonly retryTries: number | null
  /** Streams that find no place wait. */
  readonly queue: ClusterConfig["queue"]
  /** Circuit breakers. */
  readonly limits: ClusterConfig["limits"]
}

/** How a peer speaks HTTP/2. */
export interface PeerPlan {
  /** SETTINGS_INITIAL_WINDOW_SIZE. */
  readonly windowOctets: number
  /** SETTINGS_MAX_CONCURRENT_STREAMS; null: not said. */
  readonly maxConcurrentStreams: number | null
  readonly headerTableOctets: number
  /** The largest frame it sends: header blocks above it go on in CONTINUATION frames. */
  readonly frameOctets: number
  /** How long it keeps octets before it gives credit for them: to the stream, and to the connection. */
  readonly readDelayMs: number
  readonly connectionDelayMs: number
  /** How long it takes to acknowledge SETTINGS; null: it never does. */
  readonly ackDelayMs: number | null
  /** How long it takes to answer a PING, and whether it does so twice. */
  readonly pongDelayMs: number
  readonly pongsTwice: boolean
  /** Eight octets of a PING acknowledgement that nothing asked for, before each of its heads; null: none. */
  readonly strayPong: string | null
}

export interface EndpointPlan extends PeerPlan {
  readonly weight: number
  readonly backup: boolean
  readonly maxFails: number
  readonly maxStreams: number | null
}

export interface Piece {
  /** After the piece before it. */
  readonly afterMs: number
  readonly octets: number
  /** Octets of padding in its frame. */
  readonly padding: number
}

export interface CallPlan {
  readonly id: number
  readonly client: number
  readonly atMs: number
  readonly protocol: "grpc" | "http"
  readonly method: "POST" | "GET"
  /** How many fields of its own its heads carry. */
  readonly metadata: number
  /** The values that its client and its backend send have blanks at their ends, and its backend's end in LF. */
  readonly isUntidy: boolean
  readonly request: readonly Piece[]
  /** END_STREAM comes with the last piece, in a frame of its own, behind trailers, or never. */
  readonly requestEnd: "with last" | "alone" | "trailers" | "never"
  readonly cancel: { readonly afterMs: number; readonly code: number } | null
  /** grpc-timeout. */
  readonly timeoutMs: number | null
  readonly response: ResponsePlan
}

export interface ResponsePlan {
  /** So many attempts are refused with REFUSED_STREAM. */
  readonly refusals: number
  readonly isInformed: boolean
  /** The head comes at once, after the whole request, or the body repeats the size of each piece of the request. */
  readonly begin: "at once" | "after request" | "echo"
  readonly headAfterMs: number
  readonly pieces: readonly Piece[]
  /** What ends it: trailers, a head alone (Trailers-Only), END_STREAM on DATA, RST_STREAM, or nothing. */
  readonly end: "trailers" | "head" | "data" | "reset" | "never"
  readonly endAfterMs: number
  /** HTTP status. */
  readonly status: number
  readonly grpcStatus: number
  readonly resetCode: number
}

export type Side = "client" | "endpoint"

/** How a peer breaks the protocol. */
export type Misbehaviour =
  | "garbage"
  | "half a frame"
  | "frame too large"
  | "window overflow"
  | "stream window overflow"
  | "settings overflow windows"
  | "window update of 0"
  | "data on an idle stream"
  | "data past the window"
  | "trailers that do not end"
  | "upper-case field"
  | "broken header block"
  | "continuation without headers"
  | "goaway raises its last stream"

/** What is allowed and rare. */
export type Noise = "ping" | "two pings" | "stray pong" | "unknown frame" | "priority" | "empty data"

export type FaultPlan = { readonly atMs: number } & (
  | { readonly kind: "resets"; readonly side: Side; readonly index: number }
  | { readonly kind: "dies"; readonly index: number; readonly forMs: number }
  | { readonly kind: "vanishes"; readonly side: Side; readonly index: number; readonly forMs: number }
  | {
      readonly kind: "goes away"
      readonly side: Side
      readonly index: number
      readonly manner: "drain" | "at once"
    }
  | { readonly kind: "leaves"; readonly index: number }
  | { readonly kind: "stops reading"; readonly side: Side; readonly index: number; readonly forMs: number }
  | {
      readonly kind: "settings"
      readonly side: Side
      readonly index: number
      readonly change: SettingsChange
      readonly forMs: number
    }
  | { readonly kind: "misbehaves"; readonly side: Side; readonly index: number; readonly how: Misbehaviour }
  | { readonly kind: "makes noise"; readonly side: Side; readonly index: number; readonly noise: Noise }
  | { readonly kind: "reload"; readonly isChanged: boolean }
)

/** One setting; it goes back to what it was after `forMs`. */
export type SettingsChange =
  | { readonly setting: "window"; readonly octets: number }
  | { readonly setting: "streams"; readonly streams: number }
  | { readonly setting: "table"; readonly octets: number }
  | { readonly setting: "frame"; readonly octets: number }

export interface ClosePlan {
  /** Null: once every call has ended. */
  readonly atMs: number | null
  readonly graceMs: number
}

/** What a run is after. `calm`: nothing is broken, so every call must end exactly as its backend ends it. */
export type Mood = "calm" | "faulty" | "hostile"

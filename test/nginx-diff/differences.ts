/** Where Sluice answers otherwise than nginx and means to: each with a name and a sentence for docs/nginx.md. */
import type { Probe } from "./probes.ts"
import type { Answer } from "./send.ts"
import type { Seen } from "./stub.ts"

export interface Outcome {
  readonly answer: Answer
  readonly seen: readonly Seen[]
}

/** One thing that is not the same. */
export interface Mismatch {
  /** `status`, `body`, `header NAME`, `trailer NAME`, `error`, `seen`, `seen METHOD`, … */
  readonly what: string
  readonly nginx: string
  readonly sluice: string
}

export interface NamedDifference {
  readonly name: string
  readonly sentence: string
  explains(mismatch: Mismatch, probe: Probe, nginx: Outcome, sluice: Outcome): boolean
}

/** Its `content-type` says so, whatever the rest is. */
const saysGrpc = ({ isGrpc, headers }: Probe): boolean =>
  isGrpc || headers.some(([name, value]) => name === "content-type" && value.startsWith("application/grpc"))

export const differences: readonly NamedDifference[] = [
  {
    name: "gRPC status",
    sentence:
      "A gRPC client is told an error of the proxy as a `grpc-status`, as its protocol asks; nginx sends a bare HTTP status.",
    explains: (_mismatch, probe, nginx, sluice) =>
      saysGrpc(probe) &&
      nginx.answer.status >= 300 &&
      sluice.answer.status === 200 &&
      sluice.answer.headers.some(([name]) => name === "grpc-status"),
  },
  {
    name: "HTTP/1.1 upstream",
    sentence:
      "HTTP/1.1 backends are spoken to in HTTP/1.1 on connections that are kept: `Connection` says so, whatever the file says.",
    explains: ({ what }) => what === "seen connection",
  },
  {
    name: "kept connection",
    sentence:
      "Connections to HTTP/1.1 backends are kept, `keepalive` or not; one that a backend closes under a request that may be repeated is replaced once.",
    explains: ({ what, nginx, sluice }, probe) =>
      what === "seen" &&
      nginx === "1" &&
      sluice === "2" &&
      probe.headers.some(([name, value]) => name === "x-stub" && value === "close"),
  },
  {
    name: "authority",
    sentence: "`grpc_set_header Host` sets `:authority`; nginx sends a `host` field and no `:authority`.",
    explains: ({ what, nginx: theirs }, _probe, nginx) =>
      // The backend's redirect repeats what it was sent.
      (/^seen (:authority|host)$/.test(what) ||
        (what === "header location" && theirs.startsWith("http://undefined/"))) &&
      nginx.seen[0]?.headers.some(([name, value]) => name === ":authority" && value === "undefined") === true,
  },
]

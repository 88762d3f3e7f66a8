import type { FieldList } from "./header-writer.ts"

/** What the backend does with a call, by its path. */
export const PATHS = {
  /** Sends back every octet; ends with the client. Bidi and unary. */
  echo: "/bench.Bench/Echo",
  /** The same, and its backend says that it hands off and resumes: docs/stream-continuity.md. */
  continued: "/bench.Bench/Continued",
  /** Takes one message and answers with messages of the size it asks for, until reset. */
  push: "/bench.Bench/Push",
  /** Takes messages, and at the end answers with one that holds their number. */
  sink: "/bench.Bench/Sink",
} as const

/** The response field in which a backend may say which it is. */
export const BACKEND_FIELD = "x-backend"

export type Path = keyof typeof PATHS

/** A request's fields, in grpc-go's order. One list per path, so that a `HeaderWriter` knows it again. */
function request(path: Path): FieldList {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", PATHS[path]],
    [":authority", "bench.example"],
    ["content-type", "application/grpc"],
    ["user-agent", "sluice-bench/1"],
    ["te", "trailers"],
  ]
}

export const REQUESTS: Record<Path, FieldList> = {
  echo: request("echo"),
  continued: request("continued"),
  push: request("push"),
  sink: request("sink"),
}

export const RESPONSE: FieldList = [
  [":status", "200"],
  ["content-type", "application/grpc"],
]
export const RESPONSE_CONTINUED: FieldList = [
  ...RESPONSE,
  ["continuity-accept", "handoff, resume"],
  ["continuity-session", "bench"],
]
export const TRAILERS_OK: FieldList = [["grpc-status", "0"]]
export const TRAILERS_BAD: FieldList = [["grpc-status", "13"]]

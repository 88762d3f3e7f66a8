import type { Connection } from "./connection.ts"
import type { Fields } from "./header-reader.ts"
import type { FieldList } from "./header-writer.ts"

/** What is to follow the octets still queued on a stream. */
export type Ending = null | "data" | FieldList

/** One stream, seen from one end. */
export class Stream {
  readonly id: number
  readonly connection: Connection
  /** What the workload keeps with it. */
  readonly owner: StreamOwner
  sendWindow: number
  received = 0
  /** Octets waiting for credit. */
  queue: Buffer[] = []
  ending: Ending = null
  localEnded = false
  remoteEnded = false

  constructor(connection: Connection, id: number, owner: StreamOwner, sendWindow: number) {
    this.connection = connection
    this.id = id
    this.owner = owner
    this.sendWindow = sendWindow
  }
}

/** What happens on a stream. Byte ranges are valid only during the call. */
export interface StreamOwner {
  headers(stream: Stream, fields: Fields, end: boolean): void
  data(stream: Stream, bytes: Buffer, from: number, to: number, end: boolean): void
  /** The peer reset it. */
  reset(stream: Stream, code: number): void
}

export interface ConnectionOwner {
  /** The peer opened a stream (backends only). */
  open(connection: Connection, fields: Fields): StreamOwner
  /** The connection is gone, or will not take more: GOAWAY, a socket error, octets it could not read. */
  lost(connection: Connection, reason: string): void
  /** Credit came, or everything was written: there may be room to send. */
  room(connection: Connection): void
}

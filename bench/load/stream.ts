import type { Fields } from "./header-reader.ts"
import type { FieldList } from "./header-writer.ts"

/** What is to follow the octets still queued on a stream. */
export type Ending = null | "data" | FieldList

/** What a stream's owner may ask of its connection. */
export interface StreamConnection {
  headers(stream: Stream, list: FieldList, end: boolean): void
  send(stream: Stream, bytes: Buffer, from: number, to: number): void
  end(stream: Stream, ending: "data" | FieldList): void
  reset(stream: Stream, code: number): void
}

/** One stream, seen from one end. */
export class Stream {
  readonly id: number
  readonly connection: StreamConnection
  /** What the workload keeps with it. */
  readonly owner: StreamOwner
  sendWindow: number
  received = 0
  /** Octets waiting for credit. */
  queue: Buffer[] = []
  ending: Ending = null
  localEnded = false
  remoteEnded = false

  constructor(connection: StreamConnection, id: number, owner: StreamOwner, sendWindow: number) {
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

let nextId = 1

/**
 * The fields of one header block, in the order they stand in it.
 *
 * Shape:  `fields` is flat: name, value, name, value. Strings hold one octet per character (latin1), so what
 *         comes in goes out unchanged. Names are lower case; pseudo-header names keep their colon.
 * Frozen: by agreement. Codecs remember lists by `id`; to change a field, make a new list.
 * Source: RFC 9113 §8.2, RFC 7541 §7.1.3 (`neverIndexed`).
 */
export class HeaderList {
  readonly id: number = nextId++
  readonly fields: readonly string[]
  /** Field numbers (0 for the first pair) whose sender forbade indexing on any hop. Null when there are none. */
  readonly neverIndexed: ReadonlySet<number> | null
  /** Sum of name and value octets plus 32 per field: RFC 9113 §6.5.2. */
  readonly octets: number
  /** What the list says as the head of a message, once read: see `message-heads.ts`. */
  head: RequestHead | ResponseHead | null = null
  /** It may stand as trailers, as it is. */
  areTrailers = false
  /** Streams that hold it for as long as they live, where that is counted. */
  refCount = 0

  constructor(fields: readonly string[], neverIndexed: ReadonlySet<number> | null = null) {
    let octets = 0
    for (let i = 0; i < fields.length; i++) octets += fields[i]!.length
    this.fields = fields
    this.neverIndexed = neverIndexed
    this.octets = octets + 16 * fields.length
  }

  /** The first value of `name`, or undefined. */
  get(name: string): string | undefined {
    const { fields } = this
    for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1]
    return undefined
  }
}

/**
 * What a valid header block says: RFC 9113 §8.
 *
 * A head is made once per distinct `HeaderList` and shared by every stream that sends it, so it is never changed.
 */
export interface RequestHead {
  readonly list: HeaderList
  readonly method: string
  readonly scheme: string
  /** `:authority`, else `host`, else empty. */
  readonly authority: string
  /** Path and query. Empty for CONNECT. */
  readonly path: string
  /** Octets, or -1 when not said. */
  readonly contentLength: number
}

export interface ResponseHead {
  readonly list: HeaderList
  readonly status: number
  readonly contentLength: number
}

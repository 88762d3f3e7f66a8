/**
 * Header blocks of one fixed field list, written as gRPC libraries do: the first block enters the fields into the
 * peer's table, the later ones only point at them.
 * Source: RFC 7541 §6.1, §6.2.1, §6.3.
 */
export type FieldList = readonly (readonly [name: string, value: string])[]

const FIRST_DYNAMIC_INDEX = 62
const TABLE_OCTETS_USED = 1024
/** The fields used here that are whole entries of the static table. */
const STATIC_INDEXES: ReadonlyMap<string, number> = new Map([
  [":method POST", 3],
  [":scheme http", 6],
  [":scheme https", 7],
  [":status 200", 8],
])

/** Blocks for one connection. Each named list is entered into the table at its first use. */
export class HeaderWriter {
  readonly #short = new Map<FieldList, Buffer>()
  /** Lists in the order they were entered, to know at which index each field is now. */
  readonly #entered: FieldList[] = []
  #tableUsable = true
  #announceEmptyTable = false

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. A small one turns the table off. */
  limitTable(octets: number): void {
    if (octets >= TABLE_OCTETS_USED || !this.#tableUsable) return
    this.#tableUsable = false
    this.#announceEmptyTable = true
    this.#short.clear()
  }

  block(list: FieldList): Buffer {
    const short = this.#short.get(list)
    if (short !== undefined) return short
    if (!this.#tableUsable) return this.#literal(list)
    this.#entered.push(list)
    this.#short.clear()
    this.#refresh()
    return firstBlock(list)
  }

  #literal(list: FieldList): Buffer {
    const block = Buffer.concat(
      list.map(([name, value]) => staticField(name, value) ?? literal(0x00, name, value)),
    )
    if (!this.#announceEmptyTable) {
      this.#short.set(list, block)
      return block
    }
    this.#announceEmptyTable = false
    return Buffer.concat([Buffer.from([0x20]), block])
  }

  /** Works out the short block of every list entered so far: the newest field has the lowest index. */
  #refresh(): void {
    let index = FIRST_DYNAMIC_INDEX
    for (const list of this.#entered.toReversed()) {
      const octets: number[] = []
      for (const [name, value] of list.toReversed()) {
        const fixed = staticField(name, value)
        octets.unshift(fixed === undefined ? 0x80 | index++ : fixed[0]!)
      }
      this.#short.set(list, Buffer.from(octets))
    }
  }
}

/** The same for every connection, and a connection storm asks for it every time. */
const firstBlocks = new Map<FieldList, Buffer>()

function firstBlock(list: FieldList): Buffer {
  let block = firstBlocks.get(list)
  if (block === undefined) {
    block = Buffer.concat(list.map(([name, value]) => staticField(name, value) ?? literal(0x40, name, value)))
    firstBlocks.set(list, block)
  }
  return block
}

function staticField(name: string, value: string): Buffer | undefined {
  const index = STATIC_INDEXES.get(`${name} ${value}`)
  return index === undefined ? undefined : Buffer.from([0x80 | index])
}

/** A literal field with its name spelled out, no Huffman. `kind`: 0x40 enters it into the table, 0x00 does not. */
function literal(kind: number, name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([kind]), text(name), text(value)])
}

function text(value: string): Buffer {
  if (value.length > 126) throw new Error(`"${value}" is longer than this writer handles`)
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, "latin1")])
}

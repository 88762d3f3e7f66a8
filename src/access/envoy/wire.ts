import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire"

/** Protobuf by hand, for the few fields of Envoy's messages that are used here. */
export class MessageWriter {
  readonly #writer = new BinaryWriter()

  text(field: number, value: string): this {
    if (value !== "") this.#writer.tag(field, WireType.LengthDelimited).string(value)
    return this
  }

  octets(field: number, value: Uint8Array): this {
    this.#writer.tag(field, WireType.LengthDelimited).bytes(value)
    return this
  }

  number(field: number, value: number): this {
    if (value !== 0) this.#writer.tag(field, WireType.Varint).int64(value)
    return this
  }

  message(field: number, write: (inner: MessageWriter) => void): this {
    const inner = new MessageWriter()
    write(inner)
    return this.octets(field, inner.finish())
  }

  /** `map<string, string>`. */
  entry(field: number, key: string, value: string): this {
    return this.message(field, (inner) => inner.text(1, key).text(2, value))
  }

  finish(): Uint8Array {
    return this.#writer.finish()
  }
}

/** Called with a reader that stands at the value. */
export type ReadField = (reader: BinaryReader) => void

/** Reads the fields that `of` names by number and wire type; all else is skipped. Errors: throws on what is no message. */
export function readMessage(
  octets: Uint8Array,
  of: Readonly<Record<number, [wireType: WireType, read: ReadField]>>,
): void {
  const reader = new BinaryReader(octets)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    const known = of[field]
    if (known !== undefined && known[0] === wireType) known[1](reader)
    else reader.skip(wireType, field)
  }
}

export const textField = (take: (text: string) => void): [WireType, ReadField] => [
  WireType.LengthDelimited,
  (reader) => take(reader.string()),
]

export const octetsField = (take: (octets: Uint8Array) => void): [WireType, ReadField] => [
  WireType.LengthDelimited,
  (reader) => take(reader.bytes()),
]

export const numberField = (take: (value: number) => void): [WireType, ReadField] => [
  WireType.Varint,
  (reader) => take(Number(reader.int64())),
]

/** The messages of grpc.health.v1, the only ones that checks exchange. */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import { framedMessage } from "../../grpc/framed-message.ts"

/** `HealthCheckResponse.ServingStatus`. */
export const ServingStatus = { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const

const NAMES = Object.keys(ServingStatus)

export function statusName(status: number): string {
  return NAMES[status] ?? `serving status ${status}`
}

/** `HealthCheckRequest`, with gRPC's prefix. */
export function healthRequest(service: string): Buffer {
  const writer = new BinaryWriter()
  if (service !== "") writer.tag(1, WireType.LengthDelimited).string(service)
  return framedMessage(writer.finish())
}

/** A response is a few octets; no honest server says more. */
const MESSAGE_OCTETS_MAX = 1024

/** Reads the responses of one stream, which come in pieces cut anywhere. */
export class HealthResponses {
  #held: Buffer = Buffer.alloc(0)

  /** The serving statuses that are whole now. Errors: a sentence says what is wrong with what came. */
  push(octets: Uint8Array): number[] | string {
    this.#held = Buffer.concat([this.#held, octets])
    const statuses: number[] = []
    while (this.#held.length >= 5) {
      const length = this.#held.readUInt32BE(1)
      if (this.#held[0] !== 0) return "the answer is compressed, which was not asked for"
      if (length > MESSAGE_OCTETS_MAX) return `the answer has ${length} octets`
      if (this.#held.length < 5 + length) break
      const status = readStatus(this.#held.subarray(5, 5 + length))
      if (status === null) return "the answer is no HealthCheckResponse"
      statuses.push(status)
      this.#held = Buffer.from(this.#held.subarray(5 + length))
    }
    return statuses
  }
}

function readStatus(message: Uint8Array): number | null {
  try {
    const reader = new BinaryReader(message)
    let status: number = ServingStatus.UNKNOWN
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag()
      if (field === 1 && wireType === WireType.Varint) status = reader.int32()
      else reader.skip(wireType, field)
    }
    return status
  } catch {
    return null
  }
}

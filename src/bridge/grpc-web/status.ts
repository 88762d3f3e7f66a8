import type { HeaderList } from "../../http2/header-list.ts"
import { readableGrpcMessage } from "../shared/grpc-message.ts"
import { isReadableStatus } from "../shared/status-details.ts"

/** Marks the frame that holds the trailers: gRPC, doc/PROTOCOL-WEB.md. */
const TRAILERS_FLAG = 0x80
const PREFIX_OCTETS = 5

/** Trailers as a frame of their own: `name: value` lines, as in an HTTP/1 head. */
export function trailersFrame(trailers: HeaderList): Buffer {
  return blockFrame(
    trailers,
    (name) => !name.startsWith(":") && name !== "content-type" && name !== "content-length",
  )
}

/** A frame of the fields that `isWanted`. */
export function blockFrame(list: HeaderList, isWanted: (name: string) => boolean): Buffer {
  let text = ""
  for (let i = 0; i < list.fields.length; i += 2) {
    const name = list.fields[i]!
    const value = isWanted(name) ? readable(name, list.fields[i + 1]!) : null
    if (value !== null) text += `${name}: ${value}\r\n`
  }
  const frame = Buffer.allocUnsafe(PREFIX_OCTETS + text.length)
  frame[0] = TRAILERS_FLAG
  frame.writeUInt32BE(text.length, 1)
  frame.write(text, PREFIX_OCTETS, "latin1")
  return frame
}

const PRINTABLE = /^[\t\x20-\x7e]*$/

/** A value as page clients can read it; null: they cannot, and it is left out, since they would take the call for broken. */
function readable(name: string, value: string): string | null {
  if (name === "grpc-message") return readableGrpcMessage(value)
  if (!PRINTABLE.test(value)) return null
  return name === "grpc-status-details-bin" && !isReadableStatus(value) ? null : value
}

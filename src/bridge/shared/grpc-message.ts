import { encodeGrpcMessage } from "../../grpc/status.ts"

/** Undoes the percent-encoding of `grpc-message`; what is broken stays as it is. gRPC, doc/PROTOCOL-HTTP2.md. */
export function decodeGrpcMessage(value: string): string {
  if (!value.includes("%")) return Buffer.from(value, "latin1").toString("utf8")
  const octets = Buffer.alloc(value.length)
  let length = 0
  for (let i = 0; i < value.length; i++) {
    const escaped = value[i] === "%" && /^[0-9a-fA-F]{2}$/.test(value.slice(i + 1, i + 3))
    octets[length++] = escaped ? Number.parseInt(value.slice(i + 1, i + 3), 16) : value.charCodeAt(i)
    if (escaped) i += 2
  }
  return octets.toString("utf8", 0, length)
}

const ASCII = /^[\x20-\x7e]*$/

/**
 * `grpc-message` as page clients can read it, who fail at a percent sign that encodes nothing, at octets that are no UTF-8
 * once they are decoded, and at whatever is not ASCII: a backend's "disk 100% full" becomes "disk 100%25 full". What they
 * can read stays as it is.
 */
export function readableGrpcMessage(value: string): string {
  return ASCII.test(value) && isDecodable(value) ? value : encodeGrpcMessage(decodeGrpcMessage(value))
}

function isDecodable(value: string): boolean {
  if (!value.includes("%")) return true
  try {
    decodeURIComponent(value)
    return true
  } catch {
    return false
  }
}

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

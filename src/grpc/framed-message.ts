const PREFIX_OCTETS = 5

/** A message as it stands in a body, uncompressed: gRPC, doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message". */
export function framedMessage(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(PREFIX_OCTETS + message.length)
  framed.writeUInt32BE(message.length, 1)
  framed.set(message, PREFIX_OCTETS)
  return framed
}

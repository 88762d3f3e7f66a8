import { connect } from "node:net"
import type { FailedCase } from "../result.ts"

const timeoutMs = 2000
const goaway = 0x7
const compressionError = 0x9

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
const emptySettings = Buffer.from("000000040000000000", "hex")
/** GET http://localhost/ and then a literal field whose name is entry 70, in a table of 61 static entries and one dynamic. */
const block = Buffer.concat([
  Buffer.from("82868441", "hex"),
  Buffer.from("\x09localhost"),
  Buffer.from("7f0700", "hex"),
])
const headers = Buffer.concat([
  // Length, HEADERS, END_STREAM and END_HEADERS, stream 1.
  Buffer.from([0, 0, block.length, 0x1, 0x5, 0, 0, 0, 1]),
  block,
])

/**
 * The one case that h2spec's releases after 2.2.1 added, which are no Go modules: a literal header field with an invalid
 * index is a decoding error, so GOAWAY(COMPRESSION_ERROR) or a close must follow. Source: RFC 7541 §2.3.3.
 */
export function invalidLiteralIndex(port: number): Promise<FailedCase | null> {
  const failed = (reason: string): FailedCase => ({
    name: "hpack/2.3.3 Sends a literal header field with an invalid index",
    reason,
  })
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    const end = (result: FailedCase | null) => {
      socket.destroy()
      resolve(result)
    }
    let received = Buffer.alloc(0)
    socket.setTimeout(timeoutMs, () => end(failed("neither GOAWAY nor a close")))
    socket.on("error", (error) => end(failed(error.message)))
    socket.on("close", () => end(null))
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk])
      const code = goawayCode(received)
      if (code === null) return
      end(code === compressionError ? null : failed(`GOAWAY with error code ${code}`))
    })
    socket.write(Buffer.concat([preface, emptySettings, headers]))
  })
}

/** The error code of the first GOAWAY among whole frames. */
function goawayCode(octets: Buffer): number | null {
  for (let at = 0; at + 9 <= octets.length; ) {
    const end = at + 9 + octets.readUIntBE(at, 3)
    if (end > octets.length) return null
    if (octets[at + 3] === goaway) return octets.readUInt32BE(at + 13)
    at = end
  }
  return null
}

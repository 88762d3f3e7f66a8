import type { Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { systemClock } from "../../base/clock.ts"
import { CONNECT_MS, opened, plainSocket } from "./connect.ts"
import { type Finding, trap } from "./finding.ts"
import type { Target } from "./targets.ts"

/** The client connection preface of RFC 9113 §3.4, with empty SETTINGS. */
const PREFACE = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
])

/** Why no HTTP/2 comes from a backend; null: it does. Asked on a connection of its own, for the first octets say it all. */
export async function notHttp2(target: Target, socket: Socket): Promise<Finding | null> {
  const first = await firstOctets(socket)
  socket.destroy()
  if (first.length >= 9 && first[3] === 4) return null
  const text = first.toString("latin1")
  if (text.startsWith("HTTP/1."))
    return trap(
      "h2",
      `speaks HTTP/1.1 alone: ${text.split("\r\n")[0]}`,
      "gRPC needs HTTP/2; a web server has a switch for it (http2 on, h2c), or gRPC has another port",
    )
  const isAlert = first[0] === 0x15 && first[1] === 0x03
  if (target.tls === null && (isAlert || (first.length === 0 && (await speaksTls(target)))))
    return trap(
      "tls",
      "speaks TLS on this port, and the route does not",
      "use grpcs:// in place of grpc:// (tls: true)",
    )
  if (first.length === 0) return trap("h2", "closes the connection, or says nothing, where HTTP/2 begins")
  return trap("h2", `speaks something else than HTTP/2: ${JSON.stringify(text.slice(0, 20))}`)
}

/** What comes after the preface, until there is a frame's head, the end or a pause. */
function firstOctets(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    let octets = Buffer.alloc(0)
    const done = (): void => resolve(octets)
    socket.on("data", (more: Buffer) => {
      octets = Buffer.concat([octets, more])
      if (octets.length >= 9) done()
    })
    socket.once("end", done)
    socket.once("close", done)
    systemClock.after(CONNECT_MS, done)
    socket.write(PREFACE)
  })
}

async function speaksTls(target: Target): Promise<boolean> {
  try {
    const socket = connectTls({
      socket: plainSocket(target),
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
    })
    await opened(socket, "secureConnect")
    socket.destroy()
    return true
  } catch {
    return false
  }
}

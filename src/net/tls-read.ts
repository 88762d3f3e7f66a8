import { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { type OnOctets, readInto } from "./listen.ts"

/** Where `net.Socket` keeps the `onread` it was made with, and how the handle learns of the buffer. */
const born = Object.getOwnPropertySymbols(new Socket())
const bufferKey = born.find(({ description }) => description === "kBuffer")
const callbackKey = born.find(({ description }) => description === "kBufferCb")

interface Internals {
  [key: symbol]: unknown
  readonly _handle?: { useUserBuffer?(buffer: Buffer): void }
}

/**
 * Begins to read from a TLS socket that was accepted, into the buffer that all sockets share: Node takes `onread` only
 * for those it connects. Worth about 10 % on small messages. On a Node that keeps it elsewhere, reads allocate.
 */
export function readShared(socket: TLSSocket, onOctets: OnOctets): void {
  const inner = socket as unknown as Internals
  if (bufferKey === undefined || callbackKey === undefined || inner._handle?.useUserBuffer === undefined) {
    socket.on("data", (octets: Buffer) => onOctets(octets, octets.length))
    return
  }
  const { buffer, callback } = readInto(onOctets)
  inner[bufferKey] = buffer
  inner[callbackKey] = callback
  inner._handle.useUserBuffer(buffer)
  socket.resume()
}

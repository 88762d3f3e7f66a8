import { Socket } from "node:net"

/** One read buffer for every socket: Node hands it over synchronously, and the reader copies what is to stay. */
const READ_OCTETS = 65_536

/** Receives `length` octets at the start of the shared buffer. */
export type OnOctets = (octets: Buffer, length: number) => void

const readBuffer = Buffer.allocUnsafeSlow(READ_OCTETS)

/** `onread` for a socket: no allocation for each read. */
export function readInto(onOctets: OnOctets) {
  return {
    buffer: readBuffer,
    callback(length: number): boolean {
      onOctets(readBuffer, length)
      return true
    },
  }
}

/** Where `net.Socket` keeps the `onread` it was made with, and how the handle learns of the buffer. */
const born = Object.getOwnPropertySymbols(new Socket())
const bufferKey = born.find(({ description }) => description === "kBuffer")
const callbackKey = born.find(({ description }) => description === "kBufferCb")

interface Internals {
  [key: symbol]: unknown
  readonly _handle?: { useUserBuffer?(buffer: Buffer): void }
}

/**
 * Begins to read from a socket that was accepted, with TLS or without, into the buffer that all sockets share: Node takes
 * `onread` only for those it connects. Worth 10 to 25 % on small messages. On a Node that keeps it elsewhere, reads
 * allocate. `reader`: who gets the octets, and may pause the socket over what waits in it already.
 */
export function readShared(
  socket: Socket,
  onOctets: OnOctets,
  reader: { readonly isPaused: boolean } | null = null,
): void {
  const inner = socket as unknown as Internals
  if (bufferKey === undefined || callbackKey === undefined || inner._handle?.useUserBuffer === undefined) {
    socket.on("data", (octets: Buffer) => onOctets(octets, octets.length))
    return
  }
  // What came while it was not read.
  while (socket.readableLength > 0) {
    const came = socket.read() as Buffer
    onOctets(came, came.length)
  }
  const { buffer, callback } = readInto(onOctets)
  inner[bufferKey] = buffer
  inner[callbackKey] = callback
  inner._handle.useUserBuffer(buffer)
  // A pause from before the buffer was there has not stopped the handle.
  if (reader?.isPaused === true) socket.pause()
  else socket.resume()
}

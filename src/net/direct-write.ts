import type { Socket } from "node:net"
import { getSystemErrorName } from "node:util"
import type { OutputChunk } from "../http2/output.ts"

/** What a `net.Socket` has below it. A number returned is the error, as libuv numbers it; 0: none. */
interface StreamHandle {
  writeBuffer(request: WriteRequest, octets: Uint8Array): number
  writev(request: WriteRequest, buffers: readonly Uint8Array[], areBuffers: true): number
}

/** A write that libuv goes on with calls `oncomplete`; one that is done at once leaves it as it was. */
interface WriteRequest {
  oncomplete?: (status: number) => void
}

interface Binding {
  readonly WriteWrap: new () => WriteRequest
  /** What the last call came to. */
  readonly streamBaseState: ArrayLike<number>
  readonly kLastWriteWasAsync: number
}

/** Null: this Node keeps it elsewhere. */
const binding = findBinding()
let spare: WriteRequest | null = null

function findBinding(): Binding | null {
  try {
    const { binding: of } = process as unknown as { binding(name: string): Partial<Binding> }
    const { WriteWrap, streamBaseState, kLastWriteWasAsync } = of.call(process, "stream_wrap")
    const isKnown =
      typeof WriteWrap === "function" && typeof streamBaseState?.[kLastWriteWasAsync ?? -1] === "number"
    return isKnown
      ? { WriteWrap, streamBaseState: streamBaseState!, kLastWriteWasAsync: kLastWriteWasAsync! }
      : null
  } catch {
    return null
  }
}

/**
 * Writes on the handle of a socket on which nothing else is being written, past Node's stream layer: that is a fifth of the
 * cost of a small write. `written`: the kernel has it all, or the socket is destroyed. `pending`: `onWritten` is called once
 * that is so. `unknown`: nothing was done, so write to the socket itself: it is not connected, or has TLS on it.
 */
export function writeDirectly(
  socket: Socket,
  chunks: readonly OutputChunk[],
  onWritten: () => void,
): "written" | "pending" | "unknown" {
  const handle = (socket as { _handle?: StreamHandle | null })._handle
  if (binding === null || handle == null || socket.connecting || isOverTls(socket)) return "unknown"
  const request = spare ?? new binding.WriteWrap()
  const error =
    chunks.length === 1
      ? handle.writeBuffer(request, filled(chunks[0]!))
      : handle.writev(request, chunks.map(filled), true)
  if (error === 0 && binding.streamBaseState[binding.kLastWriteWasAsync] !== 0) {
    spare = null
    request.oncomplete = (status) => {
      if (status < 0) socket.destroy(errorOf(status))
      onWritten()
    }
    return "pending"
  }
  spare = request
  if (error !== 0) socket.destroy(errorOf(error))
  return "written"
}

function isOverTls(socket: Socket): boolean {
  return (socket as { encrypted?: boolean }).encrypted === true
}

function filled({ buffer, length }: OutputChunk): Buffer {
  return length === buffer.length ? buffer : buffer.subarray(0, length)
}

function errorOf(errno: number): Error {
  const code = getSystemErrorName(errno)
  return Object.assign(new Error(`write ${code}`), { errno, code, syscall: "write" })
}

import { getSystemErrorName } from "node:util"

/** What is under way on a handle; Node keeps it until it is over. */
export interface Request {
  /** Called as its method. */
  oncomplete: ((this: never, status: number) => void) | null
}

/** What Node's sockets have below them, of TCP or a Unix socket. */
export interface StreamHandle {
  readonly fd: number
  /** Called where octets came, or an error or the end: which of them `streamBaseState` says. */
  onread: () => void
  writeBuffer(request: Request, octets: Buffer): number
  writev(request: Request, octets: Buffer[], areBuffers: true): number
  shutdown(request: Request): number
  close(onClosed: () => void): void
  readStart(): number
  readStop(): number
  useUserBuffer(buffer: Buffer): void
  /** TCP alone has these. */
  reset?(onClosed: () => void): number
  setKeepAlive?(on: boolean, delaySeconds: number): void
  getpeername?(out: PeerName): number
  getsockname?(out: PeerName): number
}

export interface PeerName {
  address?: string
  port?: number
}

/** What Node's own sockets stand on. */
interface StreamBinding {
  readonly WriteWrap: new () => Request
  readonly ShutdownWrap: new () => Request
  readonly streamBaseState: ArrayLike<number>
  readonly kReadBytesOrError: number
  readonly kLastWriteWasAsync: number
}

/** Null: this Node has it elsewhere, or its permissions forbid it; then its streams do the work. */
export const streamBinding: StreamBinding | null = findBinding()

function findBinding(): StreamBinding | null {
  try {
    const { binding } = process as unknown as { binding(name: string): Partial<StreamBinding> }
    const found = binding.call(process, "stream_wrap")
    const { WriteWrap, ShutdownWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = found
    const isWhole = WriteWrap !== undefined && ShutdownWrap !== undefined && streamBaseState !== undefined
    const hasPlaces = kReadBytesOrError !== undefined && kLastWriteWasAsync !== undefined
    return isWhole && hasPlaces ? (found as StreamBinding) : null
  } catch {
    return null
  }
}

/** The error of a handle's number, as `net.Socket` has it. */
export function handleError(call: string, error: number): Error {
  const code = getSystemErrorName(error)
  return Object.assign(new Error(`${call} ${code}`), { code, errno: error, syscall: call })
}

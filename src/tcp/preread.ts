import type { Socket } from "node:net"
import { readProxyHeader } from "../net/proxy-protocol.ts"
import { readShared } from "../net/shared-read.ts"
import type { ClientHello, ProxiedConnection } from "../record/record.ts"
import { ClientHelloReader } from "./client-hello.ts"

/** What is read of a client before its session goes on; one of them is called, once. */
export interface PrereadOwner {
  /** The PROXY protocol's header was read; null: the proxy speaks for itself. */
  onProxyHeader(proxied: ProxiedConnection | null): void
  /** Null: what comes is no ClientHello. */
  onHello(hello: ClientHello | null): void
  /** `malformed`: no header of the PROXY protocol. `full`: no whole ClientHello within what may be held. */
  onUnreadable(why: "malformed" | "full"): void
  /** The client has ended its side before all was there. */
  onEnded(): void
}

const NONE: Buffer = Buffer.alloc(0)

/** The first octets of a client, which are held until they say what is to be known, and go on to the endpoint. */
export class Preread {
  /** What came and was not read away. */
  held = NONE
  readonly #socket: Socket
  readonly #owner: PrereadOwner
  readonly #onOctets = (octets: Buffer): void => this.#came(octets)
  readonly #onEnd = (): void => this.#owner.onEnded()
  #read: (() => void) | null = null

  /**
   * @param isShared it is read into the shared buffer, and `readShared` follows; else as a stream, for TLS to follow
   */
  constructor(socket: Socket, owner: PrereadOwner, isShared: boolean) {
    this.#socket = socket
    this.#owner = owner
    this.#begin = isShared
      ? () => readShared(socket, (octets, length) => this.#came(octets.subarray(0, length)))
      : () => void socket.on("data", this.#onOctets).resume()
  }

  readonly #begin: () => void

  /** Reads the PROXY protocol's header. */
  readProxyHeader(): void {
    this.#start(() => {
      const header = readProxyHeader(this.held)
      if (header === null) return
      this.#stop()
      if (header === false) return this.#owner.onUnreadable("malformed")
      this.held = this.held.subarray(header.octets)
      this.#owner.onProxyHeader(header.proxied)
    })
  }

  /** Reads a ClientHello, of which at most `octetsMax` are held. */
  readHello(octetsMax: number): void {
    const reader = new ClientHelloReader()
    this.#start(() => {
      const found = reader.read(this.held.subarray(0, octetsMax))
      if (found === "more" && this.held.length < octetsMax) return
      this.#stop()
      if (found === "more") this.#owner.onUnreadable("full")
      else this.#owner.onHello(found === "none" ? null : found)
    })
  }

  /** Reads no more, and keeps what comes all the same: TLS may have octets that were sent with the last of a handshake. */
  hold(): void {
    this.#begin()
    this.#socket.pause()
  }

  /** The session is over, or has what it wanted. */
  close(): void {
    this.#stop()
  }

  #start(read: () => void): void {
    this.#read = read
    // What came with the header before is looked at first.
    if (this.held.length > 0) read()
    if (this.#read !== read) return
    this.#socket.on("end", this.#onEnd)
    this.#begin()
  }

  #came(octets: Buffer): void {
    this.held = Buffer.concat([this.held, octets])
    this.#read?.()
  }

  #stop(): void {
    this.#read = null
    this.#socket.off("data", this.#onOctets)
    this.#socket.off("end", this.#onEnd)
    this.#socket.pause()
  }
}

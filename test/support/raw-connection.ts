import type { Socket } from "node:net"
import { Flag, FrameType } from "../../src/http2/frame/types.ts"
import * as dsl from "./frame-dsl.ts"

const GIVE_UP_MS = 10_000

export interface RawOptions {
  settings?: Parameters<typeof dsl.settings>[0]
  /** Acknowledge SETTINGS and answer PING. Default: true. */
  isPolite?: boolean
  /** Give credit for DATA as it comes. Default: true. */
  givesCredit?: boolean
  /** Say nothing by itself, not even SETTINGS. Default: false. */
  isMute?: boolean
}

/** One end of an HTTP/2 connection on a real socket: it sends what the test says, and keeps what it sees. */
export class RawConnection {
  readonly socket: Socket
  readonly seen: dsl.SeenFrame[] = []
  isPolite: boolean
  givesCredit: boolean
  isClosed = false
  /** Called for every frame. */
  onFrame: (frame: dsl.SeenFrame) => void = () => {}
  #said = 0
  readonly #looks = new Set<() => void>()

  constructor(socket: Socket, role: "client" | "server", options: RawOptions = {}) {
    this.socket = socket
    this.isPolite = options.isPolite ?? options.isMute !== true
    this.givesCredit = options.givesCredit ?? true
    const log = new dsl.FrameLog(role === "client" ? "server" : "client", (frame) => this.#onFrame(frame))
    socket.setNoDelay()
    socket.on("data", (octets: Buffer) => log.push(octets))
    socket.on("error", () => {})
    socket.on("close", () => {
      this.isClosed = true
      this.#look()
    })
    if (role === "client") socket.write(dsl.preface)
    if (options.isMute !== true) socket.write(dsl.settings(options.settings))
  }

  send(...frames: Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames))
  }

  /** Frames about a stream, as text; for 0 those of the connection. */
  about(streamId: number): string[] {
    return this.seen.filter((frame) => frame.streamId === streamId).map(dsl.describeFrame)
  }

  /** What came since the last call, SETTINGS, PING and WINDOW_UPDATE left out. */
  said(): string[] {
    const fresh = this.seen.slice(this.#said)
    this.#said = this.seen.length
    const dull: number[] = [FrameType.SETTINGS, FrameType.PING, FrameType.WINDOW_UPDATE]
    return fresh.filter(({ type }) => !dull.includes(type)).map(dsl.describeFrame)
  }

  /** The octets of all DATA on a stream. */
  dataOf(streamId: number): Buffer {
    const frames = this.seen.filter((frame) => frame.type === FrameType.DATA && frame.streamId === streamId)
    return Buffer.concat(frames.map(({ payload }) => payload))
  }

  /** The first frame that is so, now or later. */
  async frame(isIt: (frame: dsl.SeenFrame) => boolean, what = "a frame"): Promise<dsl.SeenFrame> {
    await this.until(() => this.seen.some(isIt), what)
    return this.seen.find(isIt)!
  }

  /** The stream's end: END_STREAM or RST_STREAM. */
  async end(streamId: number): Promise<dsl.SeenFrame> {
    const isEnd = (frame: dsl.SeenFrame): boolean =>
      frame.streamId === streamId && (frame.type === FrameType.RST_STREAM || dsl.endsStream(frame))
    return this.frame(isEnd, `the end of stream ${streamId}`)
  }

  /** The head of the message on a stream. */
  async head(streamId: number): Promise<dsl.SeenFrame> {
    return this.frame(
      (frame) => frame.streamId === streamId && frame.type === FrameType.HEADERS,
      `HEADERS ${streamId}`,
    )
  }

  async closed(): Promise<void> {
    await this.until(() => this.isClosed, "the end of the connection")
  }

  /** A PING round trip: whatever was sent before has been read, and answered where it is answered at once. */
  async settled(): Promise<void> {
    const payload = `settle${String(this.seen.length % 100).padStart(2, "0")}`
    const before = this.seen.length
    this.send(dsl.ping(payload))
    const isAnswer = (frame: dsl.SeenFrame): boolean =>
      frame.type === FrameType.PING && frame.payload.toString("latin1") === payload
    await this.until(() => this.seen.slice(before).some(isAnswer), "PING ACK")
  }

  async until(isSo: () => boolean, what: string): Promise<void> {
    if (isSo()) return
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#looks.delete(look)
      }
      const look = (): void => {
        if (!isSo()) return
        done()
        resolve()
      }
      const timer = setTimeout(() => {
        done()
        const last = this.seen.slice(-20).map(dsl.describeFrame).join(" | ")
        reject(new Error(`${what} never came; of ${this.seen.length} frames the last: ${last}`))
      }, GIVE_UP_MS)
      this.#looks.add(look)
    })
  }

  destroy(): void {
    this.socket.destroy()
  }

  #onFrame(frame: dsl.SeenFrame): void {
    this.seen.push(frame)
    const isAck = (frame.flags & Flag.ACK) !== 0
    if (this.isPolite && !isAck) {
      if (frame.type === FrameType.SETTINGS) this.send(dsl.settingsAck())
      if (frame.type === FrameType.PING) this.send(dsl.ping(frame.payload.toString("latin1"), { ack: true }))
    }
    if (this.givesCredit && frame.type === FrameType.DATA && frame.payload.length > 0) {
      const { length } = frame.payload
      this.send(dsl.windowUpdate(0, length))
      if (!dsl.endsStream(frame)) this.send(dsl.windowUpdate(frame.streamId, length))
    }
    this.onFrame(frame)
    this.#look()
  }

  #look(): void {
    for (const look of [...this.#looks]) look()
  }
}

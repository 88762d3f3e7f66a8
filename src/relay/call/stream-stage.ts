import type { HeaderList } from "../../http2/header-list.ts"
import type { DownstreamStream } from "./stream-owner.ts"
import type { TimedSide } from "./stream-timeouts.ts"

/** A client's stream with something between it and its call: all that a stage does not change goes through. */
export abstract class StreamStage implements DownstreamStream {
  protected readonly stream: DownstreamStream & Pick<TimedSide, "isWithheld" | "isAnswerWithheld">

  constructor(stream: DownstreamStream) {
    this.stream = stream
  }

  get isClosed(): boolean {
    return this.stream.isClosed
  }

  get localEnded(): boolean {
    return this.stream.localEnded
  }

  get remoteEnded(): boolean {
    return this.stream.remoteEnded
  }

  /** What the client has sent is not all told to the call: its silence is of our making. */
  get isWithheld(): boolean {
    return this.stream.isWithheld === true
  }

  /** What the endpoint has sent is not all passed on to the client: that is of our making. */
  get isAnswerWithheld(): boolean {
    return this.stream.isAnswerWithheld === true
  }

  get queuedOctets(): number {
    return this.stream.queuedOctets
  }

  get headerListMax(): number {
    return this.stream.headerListMax
  }

  sendHeaders(list: HeaderList, endStream: boolean): void {
    this.stream.sendHeaders(list, endStream)
  }

  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    return this.stream.sendData(octets, start, end, endStream)
  }

  discardQueued(): void {
    this.stream.discardQueued()
  }

  consume(octets: number): void {
    this.stream.consume(octets)
  }

  reset(code: number): void {
    this.stream.reset(code)
  }

  endConnection(): void {
    this.stream.endConnection?.()
  }

  chargePeer(): void {
    this.stream.chargePeer()
  }
}

import { HeaderList } from "../../../src/http2/header-list.ts"
import type { RequestHead } from "../../../src/http2/message-head.ts"
import type { Http2Stream } from "../../../src/http2/stream.ts"
import { EventLog, Lab, takeOutput } from "../../support/memory-link.ts"
import type { Script } from "./edge.ts"

const RESPONSE = new HeaderList([":status", "200", "content-type", "application/grpc", "x-backend", "echo"])
const TRAILERS = new HeaderList(["grpc-status", "0", "x-trailer", "1"])

/** Says these pieces one after another, listens to nothing, and closes when the other end does. */
export const saying =
  (pieces: readonly Buffer[]): Script =>
  (link) => ({
    onConnected() {
      for (const piece of pieces) link.write(piece)
    },
    onOctets() {},
    onGone() {},
  })

/** A gRPC server that answers every message with itself and a half-close with OK. */
export const echoing: Script = (link, scheduler) => {
  class Echo extends EventLog {
    override onRequest(stream: Http2Stream<string>, _head: RequestHead, endStream: boolean): void {
      stream.sendHeaders(RESPONSE, false)
      if (endStream) stream.sendHeaders(TRAILERS, true)
    }

    override onData(
      stream: Http2Stream<string>,
      octets: Buffer,
      start: number,
      end: number,
      endStream: boolean,
    ): void {
      stream.sendData(octets, start, end, false)
      stream.consume(end - start)
      if (endStream) stream.sendHeaders(TRAILERS, true)
    }

    override onTrailers(stream: Http2Stream<string>): void {
      stream.sendHeaders(TRAILERS, true)
    }
  }
  const { connection } = new Lab("server", { events: new Echo(), greeted: false })
  const flush = (): void => {
    for (const octets of takeOutput(connection)) link.write(octets)
    if (connection.isClosed) link.end()
  }
  return {
    onConnected: flush,
    onOctets(octets, length) {
      connection.receive(octets, 0, length, scheduler.now())
      flush()
    },
    onGone: () => connection.receiveEnd("the balancer is gone"),
  }
}

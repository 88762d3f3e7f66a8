/** `find`, which must stand in the file exactly once, becomes `replace`. */
export interface Change {
  readonly find: string
  readonly replace: string
}

/** A bug to plant: a change of `file` under src, and where one does not do, another. */
export interface Mutation extends Change {
  readonly name: string
  /** What goes wrong, for docs/simulation.md. */
  readonly bug: string
  readonly file: string
  readonly also?: Change
}

/**
 * Bugs that load balancers have had, planted one at a time to see that the simulator finds them. When one no longer
 * applies because its code has changed, plant the same bug in the new code.
 */
export const mutations: readonly Mutation[] = [
  {
    name: "credit-given-twice",
    bug: "WINDOW_UPDATE returns twice what was taken, so a sender may overrun what is held for it",
    file: "http2/streams.ts",
    find: "this.sender.windowUpdate(stream.id, owed)",
    replace: "this.sender.windowUpdate(stream.id, 2 * owed)",
  },
  {
    name: "credit-never-given",
    bug: "what a slow client takes late is not credited to the backend, so its stream stalls",
    file: "relay/call/call.ts",
    find: "this.#leg?.consume(this.#retries === null ? octets : this.#retries.ofPresentLeg(octets))",
    replace: "",
  },
  {
    name: "connection-credit-forgotten",
    bug: "the window of a connection is never given back, so all of its streams stall",
    file: "http2/receiver.ts",
    find: "if (increment > 0) this.#sender.windowUpdate(0, increment)",
    replace: "",
  },
  {
    name: "connection-window-ignored",
    bug: "queued DATA goes out under the stream's window alone",
    file: "http2/sender.ts",
    find: "Math.min(queue.headLength, stream.sendWindow, this.window, this.peer.maxFrameSize)",
    replace: "Math.min(queue.headLength, stream.sendWindow, this.peer.maxFrameSize)",
  },
  {
    name: "connection-update-ignored",
    bug: "WINDOW_UPDATE of a connection is not counted, so all of its streams stall",
    file: "http2/sender.ts",
    find: "this.window += increment",
    replace: "",
  },
  {
    name: "settings-window-not-shifted",
    bug: "SETTINGS_INITIAL_WINDOW_SIZE applies to new streams only",
    file: "http2/sender.ts",
    find: "stream.sendWindow += delta",
    replace: "",
  },
  {
    name: "padding-not-credited",
    bug: "padding is charged to a stream's window and never given back",
    file: "http2/receiver.ts",
    find: "if (padding > 0 && !endStream) this.#streams.consume(stream, padding)",
    replace: "",
  },
  {
    name: "end-stream-lost",
    bug: "END_STREAM behind queued DATA is not sent",
    file: "http2/sender.ts",
    find: "isLast && stream.queuedEnd)",
    replace: "false)",
  },
  {
    name: "queue-overtaken",
    bug: "new DATA goes out before what is queued",
    file: "http2/sender.ts",
    find: "stream.queue === null &&\n      length <=",
    replace: "length <=",
  },
  {
    name: "trailers-overtake",
    bug: "trailers do not wait for the DATA queued before them",
    file: "http2/sender.ts",
    find: "if (stream.queue !== null && endStream) {",
    replace: "if (stream.queue !== null && endStream && stream.id < 0) {",
  },
  {
    name: "trailers-dropped",
    bug: "a response's trailers become a bare END_STREAM",
    file: "relay/call/client-response.ts",
    find: "this.#sendTrailers(fitting)",
    replace: "this.#call.downstream.sendData(Buffer.alloc(0), 0, 0, true)",
  },
  {
    name: "stream-id-reused",
    bug: "the third stream of a connection gets the second one's id",
    file: "http2/stream-table.ts",
    find: "this.#nextId += 2",
    replace: "this.#nextId += id === 3 && this.#open.size === 0 ? 0 : 2",
  },
  {
    name: "reset-swallowed",
    bug: "a client's RST_STREAM is not passed on, so the backend works on for nobody",
    file: "relay/call/call.ts",
    find: "this.#leg?.end(cancelledBy(end))",
    replace: "",
  },
  {
    name: "retry-after-processing",
    bug: "a call is sent again although a backend may have worked on it",
    file: "relay/call/retry-rules.ts",
    find: "const isSafe = isUnsent(end) ||",
    replace: "const isSafe = !isUnsent(end) || isUnsent(end) ||",
  },
  {
    name: "goaway-off-by-one",
    bug: "the last stream that GOAWAY vouches for counts as unprocessed and is sent again",
    file: "http2/connection.ts",
    find: "if (stream.id > last)",
    replace: "if (stream.id >= last)",
  },
  {
    name: "replay-without-body",
    bug: "a call that is sent again comes without what its client had sent before",
    file: "relay/call/client-request.ts",
    find: "const held = this.#replay!.restart()",
    replace: "const held = leg.record.attempts.length > 1 ? null : this.#replay!.restart()",
  },
  {
    name: "lease-not-returned",
    bug: "a stream's slot on its connection is never free again",
    file: "relay/call/leg.ts",
    find: "lease?.release()",
    replace: "",
  },
  {
    name: "endpoint-count-kept",
    bug: "a stream that ends still counts against its endpoint",
    file: "relay/call/leg.ts",
    find: "this.endpoint.closeStream()",
    replace: "",
  },
  {
    name: "waiter-not-abandoned",
    bug: "a cancelled stream goes on waiting for a connection and takes its place on it",
    file: "relay/call/leg.ts",
    find: "this.#wait?.pool.abandon(this)",
    replace: "",
  },
  {
    name: "peer-limit-ignored",
    bug: "more streams are opened than SETTINGS_MAX_CONCURRENT_STREAMS allows",
    file: "relay/upstream/upstream.ts",
    find: "return Math.min(own, this.http2.peerMaxConcurrentStreams)",
    replace: "return own",
  },
  {
    name: "early-answer-lingers",
    bug: "a gRPC call answered early goes on sending a request that nobody reads (once real)",
    file: "relay/call/call.ts",
    find: "if (this.isGrpc && !isRequestOver) this.#endEarly()",
    replace: "if (this.isGrpc && !this.downstream.remoteEnded) this.#endEarly()",
  },
  {
    name: "reload-fails-waiters",
    bug: "a reload fails the streams that wait for a connection (once real)",
    file: "cluster/pool.ts",
    find: "    this.#isClosing = true\n",
    replace:
      '    for (const waiter of [...this.#waiting]) this.#waiting.delete(waiter) && waiter.onNoLease("reload")\n    this.#isClosing = true\n',
  },
  {
    name: "probe-outlives-close",
    bug: "a closed balancer goes on finding out whether an ejected endpoint is back",
    file: "cluster/pool.ts",
    find: "    this.endProbe()\n    this.#retireIfClosing()",
    replace: "    this.#retireIfClosing()",
  },
  {
    name: "reload-while-closing",
    bug: "a reload opens the listeners again that closing has closed (once real)",
    file: "balancer/balancer.ts",
    find: "if (this.#isClosing) throw new Error(",
    replace: "if (this.#isClosing && this.#listeners.size < 0) throw new Error(",
    also: { find: "if (this.#isClosing) abandon()\n", replace: "" },
  },
  {
    name: "tried-endpoint-again",
    bug: "a call is tried again at the endpoint that has just failed it",
    file: "relay/call/retries.ts",
    find: "else (this.tried ??= []).push(leg.endpoint)",
    replace: "",
  },
  {
    name: "answer-thrown-away",
    bug: "a 503 is retried where no endpoint is left, and the client gets a 502 (once real)",
    file: "relay/call/retry-rules.ts",
    find: "Math.min(tries ?? Number.POSITIVE_INFINITY, call.endpoints)",
    replace: "(tries ?? call.endpoints)",
  },
  {
    name: "kept-counted-for-ever",
    bug: "what was kept for a retry counts against the buffer budget after it has gone",
    file: "relay/call/replay-buffer.ts",
    find: "this.#budget.add(-length)",
    replace: "",
  },
  {
    name: "deadline-not-cancelled",
    bug: "a stream's deadline stays set after its end",
    file: "relay/call/call-timer.ts",
    find: "this.#context.deadlines.cancel(this)",
    replace: "",
  },
  {
    name: "deadline-ignored",
    bug: "grpc-timeout passes and nothing happens",
    file: "relay/call/call-timer.ts",
    find: "deadlineMs > 0 && nowMs >= deadlineMs",
    replace: "deadlineMs > 0 && nowMs >= deadlineMs + 100_000",
  },
  {
    name: "write-not-continued",
    bug: "what gathers while the kernel is busy is not written when it is free",
    file: "net/link.ts",
    find: "if (!user.output.isEmpty) this.schedule()\n    else if (this.#isEnding)",
    replace: "if (this.#isEnding && user.output.isEmpty)",
  },
  {
    name: "read-buffer-kept",
    bug: "half a frame is kept in the shared read buffer, which the next read overwrites",
    file: "http2/frame-reader.ts",
    find: "this.#partial = obtain(needed)\n    octets.copy(this.#partial, 0, start, end)",
    replace: "this.#partial = obtain(needed)",
  },
  {
    name: "table-change-unannounced",
    bug: "our encoder does not say that it shrank its table to the peer's SETTINGS_HEADER_TABLE_SIZE",
    file: "http2/receiver.ts",
    find: "if (peer.headerTableSizeLeast <= peer.headerTableSize) {",
    replace: "if (peer.headerTableSizeLeast < 0) {",
  },
  {
    name: "keepalive-deaf",
    bug: "an endpoint that does not answer PING counts as alive",
    file: "base/keepalive.ts",
    find: 'nowMs - this.#askedMs >= this.#answerWithinMs ? "dead" : "none"',
    replace: '"none"',
  },
  {
    name: "blanks-lose-the-answer",
    bug: "a blank at the end of a value costs a call its answer (once real)",
    file: "http2/message-head.ts",
    find: "return tidy === list ? head : readResponse(tidy)",
    replace: "return head",
  },
  {
    name: "late-acknowledgement-fatal",
    bug: "a peer that acknowledges SETTINGS late loses its connection (once real)",
    file: "http2/receiver.ts",
    find: "const isBlockLate =",
    replace:
      'if (!this.#settingsAcked && age > 10_000) return protocolError("SETTINGS not acknowledged")\n    const isBlockLate =',
  },
  {
    name: "trailers-dropped-at-zero",
    bug: "trailers are lost when the DATA before them used the connection's window up to exactly 0",
    file: "http2/sender.ts",
    find: "if (stream.queue !== null && endStream) {",
    replace: "if ((stream.queue !== null || this.window === 0) && endStream) {",
  },
  {
    name: "queued-trailers-dropped-at-zero",
    bug: "the same for trailers that wait behind queued DATA",
    file: "http2/sender.ts",
    find: "if (stream.queuedTrailers !== null) {\n      const block",
    replace: "if (stream.queuedTrailers !== null && this.window !== 0) {\n      const block",
  },
  {
    name: "end-stream-dropped-at-zero",
    bug: "END_STREAM behind queued DATA is not sent when the stream's window comes to exactly 0",
    file: "http2/sender.ts",
    find: "isLast && stream.queuedEnd)",
    replace: "isLast && stream.queuedEnd && stream.sendWindow !== 0)",
  },
  {
    name: "last-octet-of-window-kept",
    bug: "a window of one octet counts as none, so a stream stalls",
    file: "http2/sender.ts",
    find: "if (length <= 0) return false",
    replace: "if (length <= 0 || (length === 1 && queue.length > 1)) return false",
  },
  {
    name: "debt-forgiven",
    bug: "a window that SETTINGS have lowered below 0 counts from 0 on",
    file: "http2/sender.ts",
    find: "stream.sendWindow += increment",
    replace: "stream.sendWindow = Math.max(0, stream.sendWindow) + increment",
  },
  {
    name: "ping-answer-unmatched",
    bug: "any PING acknowledgement counts as the answer to the drain's PING, so streams on their way are refused",
    file: "http2/connection.ts",
    find: "if (this.#isDrainPinged && DRAIN_PING.equals(payload))",
    replace: "if (this.#isDrainPinged)",
  },
  {
    name: "ping-answer-matched-but-one",
    bug: "the last octet of a PING acknowledgement is not compared",
    file: "http2/connection.ts",
    find: "DRAIN_PING.equals(payload)",
    replace: "DRAIN_PING.subarray(0, 7).equals(payload.subarray(0, 7))",
  },
  {
    name: "ping-answered-one-off",
    bug: "a PING is answered with octets that begin one too early",
    file: "http2/receiver.ts",
    find: "this.#sender.ping(octets.subarray(start, end), true)",
    replace: "this.#sender.ping(octets.subarray(start - 1, end - 1), true)",
  },
]

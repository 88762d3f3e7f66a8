import { EventEmitter } from "node:events"
import type { IncomingMessage, ServerResponse } from "node:http"
import { expect, test } from "vitest"
import { Counters } from "../../base/counters.ts"
import { defaultLimits } from "../../base/limits.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { StreamOwner } from "../../relay/call/stream-owner.ts"
import type { DownstreamContext } from "../../relay/downstream/downstream-context.ts"
import type { Http1Socket } from "./socket.ts"
import { Http1Stream } from "./stream.ts"

const refuses = (): never => {
  throw new Error("refused")
}

/** A stream whose response Node refuses to write in `method`, and what its owner was told. */
function makeStream(method: "writeHead" | "addTrailers") {
  const told: string[] = []
  const counters = new Counters()
  const response = Object.assign(new EventEmitter(), {
    socket: null,
    writeHead: () => {},
    flushHeaders: () => {},
    destroy: () => told.push("destroyed"),
    [method]: refuses,
  })
  const log = { error: () => {} }
  const stream = new Http1Stream({
    request: Object.assign(new EventEmitter(), { headers: {} }) as unknown as IncomingMessage,
    response: response as unknown as ServerResponse,
    socket: { end: () => {} } as unknown as Http1Socket,
    context: {
      counters,
      log,
      limits: defaultLimits,
      budget: new BufferBudget(defaultLimits),
    } as unknown as DownstreamContext,
    onLast: () => {},
    onClosed: (_, isReusable) => told.push(`closed, ${isReusable ? "reusable" : "not reusable"}`),
  })
  stream.owner = { onDownstreamReset: () => told.push("reset") } as unknown as StreamOwner
  return { stream, told, counters }
}

test.each(["writeHead", "addTrailers"] as const)(
  "what %s throws ends the client's connection and never reaches the backend's read",
  (method) => {
    const { stream, told, counters } = makeStream(method)
    stream.sendHeaders(new HeaderList([":status", "200"]), false)
    if (method === "addTrailers") stream.sendHeaders(new HeaderList(["grpc-status", "0"]), true)
    expect(told).toEqual(["closed, not reusable", "reset", "destroyed"])
    expect(stream.isClosed).toBe(true)
    expect(counters.get("uncaught")).toBe(1)
  },
)

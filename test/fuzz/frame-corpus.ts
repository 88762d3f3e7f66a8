import * as dsl from "../support/frame-dsl.ts"

const block = dsl.headerBlock(dsl.request)
const answer = dsl.headerBlock(dsl.response)

/** Frames that are valid somewhere; on stream 1, 3 or 5, or on none. */
export const FRAMES: Buffer[] = [1, 3, 5].flatMap((id) => [
  dsl.headers(id, dsl.request),
  dsl.headers(id, dsl.request, { endStream: true }),
  dsl.headers(id, dsl.request, { padding: 3, priority: { dependsOn: 0 } }),
  dsl.headers(id, dsl.response),
  dsl.headers(id, [[":status", "100"]]),
  dsl.headers(id, dsl.okTrailers, { endStream: true }),
  dsl.headers(id, block.subarray(0, 20), { endHeaders: false }),
  dsl.continuation(id, block.subarray(20)),
  dsl.continuation(id, block.subarray(20, 40), false),
  dsl.headers(id, Buffer.concat([Buffer.from("3f e1 1f".replaceAll(" ", ""), "hex"), answer])),
  dsl.data(id, "hello"),
  dsl.data(id, "", { endStream: true }),
  dsl.data(id, "hello", { padding: 7 }),
  dsl.data(id, Buffer.alloc(5000)),
  dsl.priority(id),
  dsl.rstStream(id),
  dsl.windowUpdate(id, 100_000),
  dsl.pushPromise(id, id + 1),
])
FRAMES.push(
  dsl.settings(),
  dsl.settings({ INITIAL_WINDOW_SIZE: 0 }),
  dsl.settings({ INITIAL_WINDOW_SIZE: 2 ** 31 - 1, MAX_FRAME_SIZE: 2 ** 24 - 1 }),
  dsl.settings({ HEADER_TABLE_SIZE: 0, MAX_CONCURRENT_STREAMS: 0 }),
  dsl.settingsAck(),
  dsl.ping(),
  dsl.ping("draining", { ack: true }),
  dsl.goaway(3),
  dsl.goaway(2 ** 31 - 1),
  dsl.windowUpdate(0, 1),
  dsl.windowUpdate(0, 2 ** 31 - 1),
  dsl.priorityUpdate(1),
  dsl.frame(0xee, 0xff, 7, Buffer.alloc(20)),
)

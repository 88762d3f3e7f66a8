import { beforeEach, expect, test } from "vitest"
import { FrameQueue } from "./frame-queue.ts"

let nowMs = 0
let waiting: { call: () => void; atMs: number | null }[] = []
let drawn: string[] = []
let queue: FrameQueue

beforeEach(() => {
  nowMs = 1000
  waiting = []
  drawn = []
  queue = new FrameQueue({
    nowMs: () => nowMs,
    frame: (call) => void waiting.push({ call, atMs: null }),
    after: (ms, call) => void waiting.push({ call, atMs: nowMs + ms }),
  })
})

/** A frame, and whatever timer was due before it. */
function frame(): void {
  nowMs += 16
  const due = waiting.filter(({ atMs }) => atMs === null || atMs <= nowMs)
  waiting = waiting.filter((each) => !due.includes(each))
  for (const { call } of due) call()
}

const piece = (name: string, ms: number) => () => {
  drawn.push(name)
  nowMs += ms
}

test("small pieces share a frame, large ones have one of their own", () => {
  for (const name of ["a", "b", "c"]) queue.post(name, piece(name, 1))
  for (const name of ["d", "e"]) queue.post(name, piece(name, 5))
  frame()
  expect(drawn).toEqual(["a", "b", "c", "d"])
  frame()
  expect(drawn).toEqual(["a", "b", "c", "d", "e"])
  expect(waiting).toEqual([])
})

test("of a key the last piece counts, and one that is dropped is not drawn", () => {
  queue.post("a", piece("old", 0))
  queue.post("a", piece("new", 0))
  queue.post("b", piece("b", 0))
  queue.drop("b")
  frame()
  expect(drawn).toEqual(["new"])
})

test("a piece that fails keeps no other from its turn", () => {
  queue.post("bad", () => {
    throw new Error("bad")
  })
  queue.post("b", piece("b", 0))
  expect(frame).toThrow("bad")
  frame()
  expect(drawn).toEqual(["b"])
})

test("a piece with more of it goes on behind those that wait", () => {
  let left = 3
  queue.post("long", () => {
    piece("long", 5)()
    return --left > 0
  })
  queue.post("b", piece("b", 5))
  for (let count = 0; count < 4; count++) frame()
  expect(drawn).toEqual(["long", "b", "long", "long"])
  expect(waiting).toEqual([])
})

test("while the reader scrolls it waits, until all is still or two seconds are over", () => {
  queue.scrolled()
  queue.post("a", piece("a", 0))
  for (let count = 0; count < 40; count++) {
    frame()
    queue.scrolled()
  }
  expect([drawn, queue.isScrolling]).toEqual([[], true])
  for (let count = 0; count < 25; count++) frame()
  expect([drawn, queue.isScrolling]).toEqual([["a"], false])

  queue.scrolled()
  queue.post("b", piece("b", 0))
  const fromMs = nowMs
  while (!drawn.includes("b") && nowMs < fromMs + 10_000) {
    frame()
    queue.scrolled()
  }
  expect(nowMs - fromMs).toBeGreaterThanOrEqual(2000)
  expect(nowMs - fromMs).toBeLessThan(2300)
})

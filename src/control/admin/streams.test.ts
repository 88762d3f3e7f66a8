import { expect, test } from "vitest"
import type { AnswerPart } from "../../balancer/live/question.ts"
import { streamOf } from "./streams.ts"
import type { ControlView } from "./view.ts"

test.each<[string, AnswerPart[] | null, number, string]>([
  ["has none of that number", [{ kind: "stream", stream: null }], 404, "there is no live stream 6-3"],
  ["does not answer", null, 503, "data thread 2, which has 6-3, does not answer"],
])("a stream whose data thread %s", async (_, parts, status, message) => {
  const asked: number[] = []
  const view = {
    memory: { threads: 4 },
    async askOne(index: number) {
      asked.push(index)
      return parts
    },
  } as unknown as ControlView
  await expect(streamOf(view, "6-3")).rejects.toMatchObject({ status, message })
  expect(asked).toEqual([1])
})

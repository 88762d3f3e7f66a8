import { expect, test } from "vitest"
import { HeaderList } from "../http2/header-list.ts"
import type { AttemptRecord, ConnectionRecord } from "./record.ts"
import { NewStreamRecord } from "./stream-record.ts"

const attempt = (address: string): AttemptRecord => ({ address }) as AttemptRecord

test("a stream that outlives any number of backends keeps its first attempt and the latest", () => {
  const head = {
    list: new HeaderList([]),
    method: "POST",
    scheme: "http",
    authority: "",
    path: "/",
    contentLength: -1,
  }
  const record = new NewStreamRecord({ requests: 1 } as ConnectionRecord, head, "", 0)
  for (const name of "abcdefgh") {
    record.addAttempt(attempt(name))
    record.keepAttempts(4)
  }
  expect(record.attempts.map(({ address }) => address)).toEqual(["a", "f", "g", "h"])
})

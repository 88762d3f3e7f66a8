import { expect, test } from "vitest"
import { streamRecord } from "../../../test/support/stream-record.ts"
import { templatesOf } from "../../record/template.ts"
import { builtIn } from "../../record/variable-table.ts"
import { askRateService } from "./rate-service.ts"
import type { PhaseContext, PhasedCall, Route } from "./route.ts"

test("a call that another location takes over is counted once", () => {
  const config = {
    cluster: "limits",
    tls: null,
    timeoutMs: 20,
    failOpen: true,
    domain: "d",
    descriptors: [[["key", "value"]]] as [string, string][][],
  }
  const no = (): never => {
    throw new Error("not asked yet")
  }
  const messages = { checkRequest: no, readCheck: no, rateRequest: () => new Uint8Array(), readRate: no }
  const ask = askRateService(config, {} as Route, templatesOf(builtIn), messages)
  const call = { record: streamRecord() } as unknown as PhasedCall
  const context = { env: {} } as unknown as PhaseContext
  expect(ask(call, context)).toMatchObject({ kind: "wait" })
  expect(ask(call, context)).toBeNull()
})

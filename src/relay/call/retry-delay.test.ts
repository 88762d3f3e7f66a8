import { expect, test } from "vitest"
import { defaultLimits } from "../../base/limits.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { backoffMs, pushbackOf } from "./retry-delay.ts"

test.each<[value: string | null, ms: number | null]>([
  [null, null],
  ["0", 0],
  ["250", 250],
  ["2147483647", 2_147_483_647],
  ["2147483648", -1],
  ["99999999999999", -1],
  ["-1", -1],
  ["-2147483648", -1],
  ["", -1],
  ["1.5", -1],
  ["soon", -1],
  ["+5", -1],
])("grpc-retry-pushback-ms: %j is %j", (value, ms) => {
  const list = new HeaderList(value === null ? [] : ["grpc-retry-pushback-ms", value])
  expect(pushbackOf(list)).toBe(ms)
})

test.each([
  [1, 0.5, 0],
  [2, 0.5, 25],
  [2, 0, 20],
  [2, 1, 30],
  [3, 0.5, 50],
  [4, 0.5, 100],
  [6, 0.5, 250],
  [1000, 0.5, 250],
])("retry %i, chance %d: after %i ms", (retry, chance, ms) => {
  expect(backoffMs(retry, defaultLimits, chance)).toBe(ms)
})

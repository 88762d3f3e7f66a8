import { expect, test } from "vitest"
import { wantsColor } from "./colors.ts"

test.each([
  [{ isTTY: true }, {}, true],
  [{ isTTY: true }, { NO_COLOR: "1" }, false],
  [{ isTTY: true }, { NO_COLOR: "" }, true],
  [{ isTTY: true }, { TERM: "dumb" }, false],
  [{}, {}, false],
])("color for %j in %j: %s", (stream, environment, expected) => {
  expect(wantsColor(stream, environment)).toBe(expected)
})

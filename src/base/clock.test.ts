import { expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { CachedClock } from "./clock.ts"

test("while it is held, a clock says the time at which it was first asked", () => {
  const clock = new ManualClock()
  const held = new CachedClock(clock)
  const [now, wall] = [clock.now(), clock.wallMs()]
  held.hold()
  expect(held.wallMs()).toBe(wall)
  clock.advance(5)
  expect([held.now(), held.wallMs()]).toEqual([now, wall])
  held.release()
  expect([held.now(), held.wallMs()]).toEqual([now + 5, wall + 5])
  held.hold()
  expect([held.now(), held.wallMs()]).toEqual([now + 5, wall + 5])
})

import { expect, test } from "vitest"
import { defaultRouteSettings } from "../../config/defaults.ts"
import { limitCall } from "./call-limits.ts"
import type { PhaseContext, PhasedCall } from "./route.ts"

/** In ms, from when it came; 0: none. */
test.each<[saidMs: number, maxCallMs: number | null, grpcTimeoutMaxMs: number | null, deadlineMs: number]>([
  [0, null, null, 0],
  [50, null, null, 50],
  [0, 100, null, 100],
  [50, 100, null, 50],
  [500, 100, null, 100],
  [500, null, 200, 200],
  [50, null, 200, 50],
  [0, null, 200, 0],
  // The client's deadline, where one is read, goes before the other.
  [500, 100, 200, 200],
  [0, 100, 200, 100],
])("a deadline of %i ms, maxCallTime %j, grpcTimeoutMax %j: %i", (said, maxCallMs, grpcTimeoutMaxMs, due) => {
  const startMs = 1000
  const record = { startMs, deadlineMs: said === 0 ? 0 : startMs + 1 + said }
  const phases = limitCall({ ...defaultRouteSettings(), maxCallMs, grpcTimeoutMaxMs })
  expect(phases.length).toBe(maxCallMs === null && grpcTimeoutMaxMs === null ? 0 : 1)
  for (const phase of phases) expect(phase({ record } as PhasedCall, {} as PhaseContext)).toBeNull()
  expect(record.deadlineMs).toBe(due === 0 ? 0 : startMs + 1 + due)
})

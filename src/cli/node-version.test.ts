import { expect, test } from "vitest"
import { nodeProblem } from "./node-version.ts"

test.for(["v22.19.0", "v22.20.1", "v24.11.0", "v24.21.0", "v26.0.0", "v27.1.0-nightly", process.version])(
  "runs on Node.js %s",
  (version) => {
    expect(nodeProblem(version)).toBeNull()
  },
)

test.for(["v18.20.0", "v20.20.2", "v22.17.9", "v23.11.0", "v24.10.0", "v25.2.0"])(
  "does not run on Node.js %s",
  (version) => {
    expect(nodeProblem(version)).toBe(
      `it runs on Node.js 22.19 or a later 22, 24.11 or a later 24, or 26 or later; this is ${version}`,
    )
  },
)

import { availableParallelism } from "node:os"
import { join } from "node:path"
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: [
      "src/**/*.test.ts",
      "test/**/*.test.ts",
      "examples/**/*.test.ts",
      "dashboard/**/*.test.ts",
      "bench/**/*.test.ts",
    ],
    // A test that hangs ends then. The longest takes half a minute, on a busy machine three times that.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // As long as a test may take: Vitest's own second is over before a busy machine has looked twice.
    expect: { poll: { timeout: 60_000 } },
    pool: "forks",
    // Vitest's own number, one less than there are cores, is one on two cores, and most files wait for processes and sockets.
    maxWorkers: Math.max(3, availableParallelism()),
    // Each process that a test starts would strip the types of some 600 files again.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, ".cache", "compile") },
  },
})

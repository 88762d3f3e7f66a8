import { globSync } from "node:fs"

const ROOT = new URL("../../", import.meta.url)

/** A part of src, and the tests that are to hold it. */
export interface Room {
  readonly name: string
  readonly sources: readonly string[]
  readonly tests: readonly string[]
}

/** What `npm run mutate` knows: patterns of paths, relative to the root of the project. */
export const rooms: readonly Room[] = [
  { name: "http2", sources: ["src/http2/**/*.ts"], tests: ["src/http2/**/*.test.ts"] },
  {
    name: "relay",
    sources: ["src/relay/**/*.ts"],
    tests: [
      "src/relay/**/*.test.ts",
      "test/integration/{ages-and-drains,idle-connection,overload,proxy-protocol,rehome,written-fields}.test.ts",
      "test/integration/relay{,-failures,-header-lists,-health,-lifecycle,-retries,-shedding,-timeouts}.test.ts",
      "test/simulation/simulation.test.ts",
    ],
  },
]

export function sourcesOf({ sources }: Room): string[] {
  return expand(sources).filter((path) => !path.endsWith(".test.ts") && !path.includes("/testdata/"))
}

export function testsOf({ tests }: Room): string[] {
  return expand(tests)
}

function expand(patterns: readonly string[]): string[] {
  return [...new Set(patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT })))].sort()
}

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
      "test/simulation/simulation.test.ts",
      "test/integration/{ages-and-drains,auth-request,ext-authz,idle-connection,jwt,moves,orders,overload}.test.ts",
      "test/integration/{bridge-endings,bridge-grpc-web,bridge-http1,bridge-web-socket}.test.ts",
      "test/integration/{continuity,continuity-modes,honest-peers,last-lines,lost-status,own-answers}.test.ts",
      "test/integration/{proxy-pass,proxy-protocol,rate-limit-service,refused-requests,rehome}.test.ts",
      "test/integration/{tls-listener,tls-upstream,tracing,written-fields}.test.ts",
      "test/integration/relay{,-backpressure,-balancing,-deadlines,-failures,-header-lists,-health}.test.ts",
      "test/integration/relay-{lifecycle,policies,retries,shedding,timeouts}.test.ts",
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

/** The harness sees phases in a wrong order: the test of the test. */
import { expect, test, vi } from "vitest"
import { isInstalled } from "../support/nginx.ts"
import { compareFile } from "./run.ts"

const planted = vi.hoisted(() => ({ isWrong: false }))

/** A location's phases, as compiled or the other way round; where its calls go stays last. */
vi.mock(import("../../src/relay/route/compile.ts"), async (original) => {
  const real = await original()
  return {
    ...real,
    compileRoute: (...given) => {
      const route = real.compileRoute(...given)
      if (!planted.isWrong || route.locationPhases.length < 2) return route
      const content = route.locationPhases.at(-1)!
      const locationPhases = [...route.locationPhases.slice(0, -1).reverse(), content]
      const before = route.phases.slice(0, route.phases.length - route.locationPhases.length)
      return { ...route, locationPhases, phases: [...before, ...locationPhases] }
    },
  }
})

const FILE = `events { }
http {
  server {
    listen 80;
    location /rewritten { rewrite ^ /open last; deny all; grpc_pass 127.0.0.1:50051; }
    location /returned { deny all; if ($http_x_stub) { return 402; } grpc_pass 127.0.0.1:50051; }
    location /open { grpc_pass 127.0.0.1:50051; }
  }
}
`

test.skipIf(!isInstalled("nginx", "-v", "nginx-light"))("a wrong order of phases has no name", async () => {
  const right = await compareFile("right", FILE)
  expect(right).toMatchObject({ problem: null, unnamed: [] })
  planted.isWrong = true
  const wrong = await compareFile("wrong", FILE)
  planted.isWrong = false
  expect(wrong.problem).toBeNull()
  const paths = new Set(wrong.unnamed.map(({ probe }) => probe.path))
  expect([...paths].some((path) => path.startsWith("/rewritten"))).toBe(true)
  expect([...paths].some((path) => path.startsWith("/open"))).toBe(false)
})

import { expect, test } from "vitest"
import { eachRoute } from "./each-route.ts"
import type { RouteConfig } from "./model.ts"

const route = (path: string, ...routes: RouteConfig[]): RouteConfig =>
  ({ match: { kind: "exact", path }, routes }) as unknown as RouteConfig

test("routes within routes are looked at in their order, one a step", () => {
  const seen: string[] = []
  const look = ({ match }: RouteConfig): void => void seen.push("path" in match ? match.path : "")
  const steps = eachRoute([route("a", route("b", route("c")), route("d")), route("e")], look)
  const after = Array.from(steps, () => seen.join(""))
  expect(after).toEqual(["a", "ab", "abc", "abcd", "abcde"])
})

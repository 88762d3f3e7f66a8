import { expect, test } from "vitest"
import type { RouteMatch } from "../../config/model.ts"
import { routeName } from "./route-name.ts"

test.each<[RouteMatch | null, string]>([
  [null, ""],
  [{ kind: "exact", path: "/x" }, "= /x"],
  [{ kind: "prefix", path: "/x", final: false }, "/x"],
  [{ kind: "prefix", path: "/x", final: true }, "^~ /x"],
  [{ kind: "regex", pattern: "^/v[12]/", ignoreCase: false }, "~ ^/v[12]/"],
  [{ kind: "regex", pattern: "^/v[12]/", ignoreCase: true }, "~* ^/v[12]/"],
  [{ kind: "named", name: "x" }, "@x"],
  [{ kind: "named", name: "@x" }, "@x"],
])("%j is written %s", (match, name) => expect(routeName(match)).toBe(name))

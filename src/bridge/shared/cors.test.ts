import { describe, expect, test } from "vitest"
import { defaultRouteSettings } from "../../config/defaults.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { corsFields, isOriginAllowed, preflightFields, withCors } from "./cors.ts"

const settings = (...origins: string[]) => {
  const base = defaultRouteSettings()
  return { ...base, bridge: { ...base.bridge, origins } }
}
const from = (origin: string, ...more: string[]) => new HeaderList(["origin", origin, ...more])

describe("who may open a WebSocket", () => {
  test.each([
    ["http://chat.test", "chat.test", [], true],
    ["http://chat.test:8080", "chat.test:8080", [], true],
    ["https://chat.test", "chat.test", [], true],
    ["https://chat.test", "chat.test:443", [], true],
    ["http://chat.test:80", "chat.test", [], true],
    ["http://CHAT.test", "chat.TEST", [], true],
    ["http://[::1]:8080", "[::1]:8080", [], true],
    ["http://chat.test:8081", "chat.test:8080", [], false],
    ["https://chat.test", "chat.test:80", [], false],
    ["http://evil.test", "chat.test", [], false],
    ["http://chat.test.evil.test", "chat.test", [], false],
    ["http://evil.test/chat.test", "chat.test", [], false],
    ["http://chat.test@evil.test", "evil.test", [], false],
    ["null", "chat.test", [], false],
    ["", "", [], false],
    ["chat.test", "chat.test", [], false],
    ["https://app.test", "chat.test", ["https://app.test"], true],
    ["https://APP.test", "chat.test", ["https://app.test"], true],
    ["http://app.test", "chat.test", ["https://app.test"], false],
    ["https://any.test", "chat.test", ["*"], true],
    ["null", "chat.test", ["null"], true],
    ["https://a.app.test", "chat.test", ["https://*.app.test"], true],
    ["https://a.b.APP.test", "chat.test", ["https://*.app.test"], true],
    ["https://app.test", "chat.test", ["https://*.app.test"], false],
    ["http://a.app.test", "chat.test", ["https://*.app.test"], false],
    ["https://evil-app.test", "chat.test", ["https://*.app.test"], false],
    ["https://a.app.test.evil.test", "chat.test", ["https://*.app.test"], false],
    ["https://pr-12.test", "chat.test", ["~^https://pr-[0-9]+\\.test$"], true],
    ["https://pr-x.test", "chat.test", ["~^https://pr-[0-9]+\\.test$"], false],
  ])("a page of %j on %j, where %j may: %s", (origin, authority, origins, allowed) => {
    expect(isOriginAllowed(origin, authority, settings(...origins))).toBe(allowed)
  })
})

describe("who may read a response", () => {
  test("nobody else, unless the route names somebody", () => {
    expect(corsFields(from("https://app.test"), settings())).toEqual([])
    expect(corsFields(from("https://other.test"), settings("https://app.test"))).toEqual(["vary", "origin"])
    expect(corsFields(new HeaderList([]), settings("https://app.test"))).toEqual(["vary", "origin"])
  })

  test("a named origin with its cookies, any other without", () => {
    expect(corsFields(from("https://app.test"), settings("https://app.test"))).toEqual([
      ...["access-control-allow-origin", "https://app.test", "vary", "origin"],
      ...["access-control-allow-credentials", "true"],
    ])
    expect(corsFields(from("https://any.test"), settings("*"))).toEqual([
      ...["access-control-allow-origin", "*", "vary", "origin"],
    ])
  })

  test("what is no origin is not repeated", () => {
    expect(corsFields(from("https://a.test$http_cookie"), settings("*"))).toEqual(["vary", "origin"])
  })

  test("a preflight names the headers that were asked for, where they are names", () => {
    const asked = (names: string) =>
      preflightFields(from("https://a.test", "access-control-request-headers", names), settings("*"))
    expect(asked("content-type,x-grpc-web")).toContain("content-type,x-grpc-web")
    expect(asked("x-a, x-b\r\nevil: 1")).not.toContain("access-control-allow-headers")
    expect(asked("$cookie")).not.toContain("access-control-allow-headers")
  })

  test("Sluice's word stands in place of the backend's, and all names are exposed", () => {
    const cors = corsFields(from("https://a.test"), settings("*"))
    const fields = [":status", "200", "x-mine", "1", "access-control-allow-origin", "https://b.test"]
    const result = withCors(fields, cors)
    expect(result.filter((_, i) => result[i - 1] === "access-control-allow-origin")).toEqual(["*"])
    expect(result.at(-1)).toBe(
      "grpc-status, grpc-message, grpc-status-details-bin, grpc-encoding, content-encoding, x-mine",
    )
  })
})

import { expect, test } from "vitest"
import { RouteBed } from "../../../test/support/route-bed.ts"
import { defaultListener } from "../../config/defaults.ts"
import { refusingPlain } from "./refusing-plain.ts"

test("HTTP without TLS on a listener with it: one answer in its own words, whatever is asked", () => {
  const bed = new RouteBed("server { listen 80; error_page 497 /said; location / { grpc_pass c1; } }")
  const { route } = bed.begin("/")
  const asked: string[] = []
  const listener = {
    config: {
      ...defaultListener({ text: "a:1", host: "a", port: 1, unixPath: null }),
      proxyProtocol: true,
      maxRequestsPerConnection: null,
    },
    router: {
      match: () => null,
      fallback: (authority: string) => {
        asked.push(authority)
        const bridge = { ...route.settings.bridge, grpcWeb: true, connect: true, webSocket: true }
        return { ...route.host.fallback, settings: { ...route.settings, bridge } }
      },
    },
  }
  const refusing = refusingPlain(listener)
  expect(refusing.config).toMatchObject({ maxRequestsPerConnection: 1, proxyProtocol: false })
  for (const found of [refusing.router.match("a.test", "/b"), refusing.router.fallback("a.test")]) {
    const refused = found!
    expect(refused.settings.bridge).toMatchObject({ grpcWeb: false, connect: false, webSocket: false })
    const verdicts = refused.phases.map((phase) => phase(bed.begin("/x"), bed.context)).filter(Boolean)
    expect(verdicts.at(-1)).toMatchObject({
      kind: "bad_request",
      httpStatus: 497,
      grpcStatus: -1,
      message: "the plain HTTP request was sent to a port that speaks HTTPS",
      isUnsent: true,
    })
  }
  expect(asked).toEqual(["a.test", "a.test"])
})

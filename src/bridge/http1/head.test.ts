import type { IncomingMessage } from "node:http"
import { expect, test } from "vitest"
import { readHttp1Head } from "./head.ts"

test.each(["10.0.0.1:5,10.0.0.2:5", "[::1]:5,[::2]:6", "2001:db8::1", "unix:%2Frun%2Fa.sock"])(
  "a host that gRPC clients say over HTTP/2 alone: %s",
  (host) => {
    const request = {
      method: "GET",
      url: "/",
      httpVersion: "1.1",
      headers: { host },
      rawHeaders: ["Host", host],
    }
    expect(readHttp1Head(request as unknown as IncomingMessage, "http")).toMatch(/^:authority has/)
  },
)

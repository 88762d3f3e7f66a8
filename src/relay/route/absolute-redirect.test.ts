import { expect, test } from "vitest"
import { absoluteRedirect } from "./absolute-redirect.ts"

type Record = Parameters<typeof absoluteRedirect>[2]

const wanted = { absoluteRedirect: true, serverNameInRedirect: false, portInRedirect: true }

test.for<
  [location: string, authority: string, address: string, isTls: boolean, settings: object, sent: string]
>([
  ["/a?b", "x.example", "10.0.0.1 80", false, {}, "http://x.example/a?b"],
  ["/a", "X.example.:99", "10.0.0.1 443", false, {}, "http://x.example:443/a"],
  ["/a", "x.example", "10.0.0.1 443", true, {}, "https://x.example/a"],
  ["/a", "x.example:443", "10.0.0.1 80", true, {}, "https://x.example:80/a"],
  ["/a", "[::1]:5", "::1 8080", false, {}, "http://[::1]:8080/a"],
  ["/a", "", "10.0.0.1 8080", false, {}, "http://10.0.0.1:8080/a"],
  ["/a", "", "::1 8080", false, {}, "http://[::1]:8080/a"],
  ["/a", "x", "10.0.0.1 8080", false, { portInRedirect: false }, "http://x/a"],
  ["/a", "x", "10.0.0.1 8080", false, { serverNameInRedirect: true }, "http://named.example:8080/a"],
  ["/a", "x", "10.0.0.1 8080", false, { absoluteRedirect: false }, "/a"],
  ["a", "x", "10.0.0.1 8080", false, {}, "a"],
  ["", "x", "10.0.0.1 8080", false, {}, ""],
  ["https://b/", "x", "10.0.0.1 8080", false, {}, "https://b/"],
  // Of a Unix socket.
  ["/a", "x", " 0", false, {}, "http://x/a"],
])("%s asked of %s at %s, TLS %s, %o", ([location, authority, address, isTls, settings, sent]) => {
  const [localAddress, port] = address.split(" ")
  const connection = { localAddress, localPort: Number(port), tls: isTls ? {} : null }
  const record = { authority, serverName: "named.example", connection } as Record
  expect(absoluteRedirect(location, { ...wanted, ...settings }, record)).toBe(sent)
})

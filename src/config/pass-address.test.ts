import { expect, test } from "vitest"
import { listenerAt, readPassAddress } from "./pass-address.ts"

const at = (host: string | null, port: number | null, unixPath: string | null = null) => ({
  host,
  port,
  unixPath,
})
const LISTENERS = {
  all: at("0.0.0.0", 80),
  one: at("127.0.0.1", 80),
  six: at("::", 80),
  loopback: at("::1", 80),
  other: at("10.0.0.1", 81),
  any: at(null, 82),
  unix: at(null, null, "/run/x"),
}

test.for<[address: string, listener: keyof typeof LISTENERS | null]>([
  ["127.0.0.1:80", "one"],
  ["127.0.0.2:80", "all"],
  ["0.0.0.0:80", "all"],
  ["[::1]:80", "loopback"],
  ["[0:0::1]:80", "loopback"],
  ["[::2]:80", "six"],
  ["10.0.0.1:81", "other"],
  ["10.0.0.2:81", null],
  ["[::1]:81", null],
  ["10.0.0.2:82", "any"],
  ["[::1]:82", "any"],
  ["127.0.0.1:83", null],
  ["unix:/run/x", "unix"],
  ["unix:/run/y", null],
])("%s is for the listener %s", ([address, listener]) => {
  const found = listenerAt(readPassAddress(address)!, Object.values(LISTENERS))
  expect(found).toBe(listener === null ? null : LISTENERS[listener])
})

test.for([
  "",
  "127.0.0.1",
  "one.example:80",
  "127.0.0.1:0",
  "127.0.0.1:70000",
  ":80",
  "unix:",
  "http://1.1.1.1:80",
])("%s is no address", (text) => expect(readPassAddress(text)).toBe(null))

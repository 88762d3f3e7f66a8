import { expect, test } from "vitest"
import { readBindAddress } from "./bind-address.ts"

test.for<[text: string, address: string | null, port?: number]>([
  ["127.0.0.1", "127.0.0.1", 0],
  ["127.0.0.1:8000", "127.0.0.1", 8000],
  ["::1", "::1", 0],
  ["[::1]", "::1", 0],
  ["[::1]:8000", "::1", 8000],
  ["", null],
  ["one.example", null],
  ["one.example:80", null],
  ["127.0.0.1:0", null],
  ["127.0.0.1:70000", null],
  ["unix:/run/x", null],
])("%s", ([text, address, port]) => {
  expect(readBindAddress(text)).toEqual(address === null ? null : { address, port })
})

import { expect, test } from "vitest"
import { fromAddresses } from "./address-options.ts"

const ADDRESS = "must be host:port, [v6]:port or unix:/path"

test.for([
  ["8080", "x", [`--to x: ${ADDRESS}`]],
  ["8080", "127.0.0.1", [`--to 127.0.0.1: ${ADDRESS}`]],
  ["8080", "unix:", [`--to unix:: ${ADDRESS}`]],
  ["8080", "a:0", ["--to a:0: the port must be from 1 to 65535"]],
  ["8080", "[::1]:70000", ["--to [::1]:70000: the port must be from 1 to 65535"]],
  ["x", "a:1", ["--listen x: must be a port, host:port, [v6]:port or unix:/path"]],
  ["70000", "a:1", ["--listen 70000: the port must be from 0 to 65535"]],
  ["0", "a:1", []],
  ["unix:/s:70000", "unix:/t", []],
] as const)("--listen %s --to %s", ([listen, to, errors]) => {
  const read = fromAddresses([listen], [to])
  expect(read.errors).toEqual(errors)
  expect(read.config === null).toBe(errors.length > 0)
})

test("the one that is wrong is named", () => {
  expect(fromAddresses(["1", "1"], ["a:1", "b"]).errors).toEqual([
    `--to b: ${ADDRESS}`,
    "--listen 1: another listener has the address 0.0.0.0:1",
  ])
})

import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { expect, test } from "vitest"
import { claimFreePort } from "./free-port.ts"

test("a taken port, and one promised already, give way to the next", async () => {
  const holder = createServer().listen(0, "127.0.0.1")
  await once(holder, "listening")
  const { port: taken } = holder.address() as AddressInfo
  const claimed = new Set<number>()
  const first = await claimFreePort(taken, "127.0.0.1", claimed)
  const second = await claimFreePort(taken, "127.0.0.1", claimed)
  holder.close()
  expect(first).toBeGreaterThan(taken)
  expect(second).toBeGreaterThan(first)
  expect([...claimed]).toEqual([first, second])
})

test("past the last port there is none", async () => {
  await expect(claimFreePort(65535, "127.0.0.1", new Set([65535]))).rejects.toThrow("no free port from 65535")
})

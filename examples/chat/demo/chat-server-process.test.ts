import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { expect, test } from "vitest"
import { eventually } from "../../../test/support/eventually.ts"
import { startChatServerProcess } from "./chat-server-process.ts"

test("a server that cannot listen says why in one line, and ends", async () => {
  const holder = createServer().listen(0, "127.0.0.1")
  await once(holder, "listening")
  const { port } = holder.address() as AddressInfo
  const lines: string[] = []
  const starting = startChatServerProcess({ port, name: "A", log: (line) => lines.push(line) })
  await expect(starting).rejects.toThrow(`the chat server on port ${port} did not start: exit code 1`)
  holder.close()
  await eventually(
    () => lines.length > 0,
    () => "it says why",
  )
  expect(lines).toEqual([`cannot listen on 127.0.0.1:${port}: port ${port} is taken`])
})

import { describe, expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import type { JsonClient } from "../../net/json-client.ts"
import { KubernetesList } from "./kubernetes-list.ts"

const itemsOf = (many: number) => Array.from({ length: many }, (_, at) => ({ metadata: { name: `o${at}` } }))

/** A list of so many objects, then a watch with so many more. */
async function listing(listed: number, added: number, objectsMax: number) {
  const said: string[] = []
  const client = {
    ask: async () => ({ body: { metadata: { resourceVersion: "1" }, items: itemsOf(listed) } }),
    follow: async (_request: object, _signal: AbortSignal, onItem: (item: unknown) => void) => {
      for (const object of itemsOf(listed + added).slice(listed)) onItem({ type: "ADDED", object })
      await new Promise(() => {})
    },
  } as unknown as JsonClient
  const { promise, resolve } = Promise.withResolvers<void>()
  const list = new KubernetesList<string>({
    client,
    path: "/apis/v1/things",
    objectsMax,
    onTooMany: () => void said.push("too many"),
    clock: new ManualClock(0),
    random: () => 0,
    keep: ({ metadata }) => metadata!.name!,
    onChange: () => {
      if ([...list.objects].length === listed + added) resolve()
    },
    onFailure: ({ message }) => {
      said.push(message)
      resolve()
    },
  })
  list.start()
  await promise
  list.stop()
  return { said, objects: [...list.objects].length }
}

describe("the number of objects", () => {
  test("may be all that are allowed", async () => {
    expect(await listing(2, 1, 3)).toEqual({ said: [], objects: 3 })
  })

  test.each([
    ["in the list: none is taken", 4, 0, 0],
    ["by the watch: those before stay", 3, 1, 3],
  ])("that is too large %s; it is said, and counted once", async (_, listed, added, objects) => {
    const said = ["too many", "/apis/v1/things has more than 3 objects"]
    expect(await listing(listed, added, 3)).toEqual({ said, objects })
  })
})

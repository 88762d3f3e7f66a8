import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Puts off until the end of the scope what ends something that was started in it. */
export type Defer = (end: () => Promise<unknown>) => void

/** Runs `body`; whatever it deferred is done when it is over, also after an error, the newest first. */
export async function scope<T>(body: (defer: Defer) => Promise<T>): Promise<T> {
  const ends: (() => Promise<unknown>)[] = []
  try {
    return await body((end) => ends.push(end))
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

/** A directory of its own that goes with the scope. */
export async function temporaryDirectory(defer: Defer): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-conformance-"))
  defer(() => rm(directory, { recursive: true, force: true }))
  return directory
}

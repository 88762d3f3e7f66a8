import { join } from "node:path"
import { run } from "../child.ts"
import { goSource } from "../go-modules.ts"

/**
 * Writes the types of the runner's service into `directory`: its reference server has no reflection, and a balancer that
 * is to read JSON must know them. Returns the file, a FileDescriptorSet.
 */
export async function conformanceDescriptorSet(directory: string): Promise<string> {
  const source = await goSource("connectrpc.com/conformance", "connect")
  const file = join(directory, "conformance.binpb")
  const { code, output } = await run("buf", ["build", join(source, "proto"), "-o", file], {
    timeoutMs: 60_000,
  })
  if (code !== 0) throw new Error(`buf build failed:\n${output.trim()}`)
  return file
}

import { readFileSync } from "node:fs"
import type { Steps } from "../../base/steps.ts"
import { eachRoute } from "../../config/each-route.ts"
import type { Config, RouteSettings } from "../../config/model.ts"
import { readFileHead } from "./descriptor-index.ts"
import { readFields, readInner } from "./type-compiler.ts"
import { WireReader } from "./wire-reader.ts"

/** Those of the last configuration that was checked, so that no call waits for a disk. */
const checked = new Map<string, readonly Buffer[]>()

/** Reads every descriptor set that a configuration names. Errors: a sentence that names the first that cannot be read. */
export function* checkDescriptorSets(config: Config): Steps {
  const paths = new Set<string>()
  const look = ({ bridge }: RouteSettings): void => {
    if (bridge.descriptorSet !== null) paths.add(bridge.descriptorSet)
  }
  for (const { fallback, routes } of config.servers) {
    look(fallback)
    yield* eachRoute(routes, ({ settings }) => look(settings))
  }
  const read = [...paths].map((path): [string, readonly Buffer[]] => [path, readDescriptorSet(path)])
  checked.clear()
  for (const [path, files] of read) checked.set(path, files)
}

/** The files of a descriptor set, each a FileDescriptorProto. Errors: a sentence that names the set. */
export function descriptorSetOf(path: string): readonly Buffer[] {
  return checked.get(path) ?? readDescriptorSet(path)
}

function readDescriptorSet(path: string): readonly Buffer[] {
  const files: Buffer[] = []
  const names = new Set<string>()
  const imports = new Map<string, string>()
  try {
    readFields(new WireReader(readFileSync(path)), {
      1: (reader) => {
        const { octets, at, end } = readInner(reader)
        const file = octets.subarray(at, end)
        const { name, dependencies } = readFileHead(file)
        names.add(name)
        for (const dependency of dependencies) imports.set(dependency, name)
        files.push(file)
      },
    })
    for (const [dependency, name] of imports)
      if (!names.has(dependency)) throw new Error(`${name} imports ${dependency}, which is not in it`)
    return files
  } catch (error) {
    throw new Error(`cannot read the descriptor set ${path}: ${(error as Error).message}`)
  }
}

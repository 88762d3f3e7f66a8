import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"

const INSTALLED = "./node_modules/sluice/dist/sluice.schema.json"

/** Where an editor that has `directory` open finds the JSON Schema of sluice.yaml; null: it is nowhere. */
export function schemaPath(directory: string): string | null {
  if (existsSync(join(directory, INSTALLED))) return INSTALLED
  try {
    return createRequire(import.meta.url).resolve("sluice/sluice.schema.json")
  } catch {
    // A checkout that was never built.
    return null
  }
}

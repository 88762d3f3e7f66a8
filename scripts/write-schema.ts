/** Writes the JSON Schema of sluice.yaml beside the built code: part of `npm run build`. */
import { mkdirSync, writeFileSync } from "node:fs"
import { jsonSchema } from "../src/config/yaml/schema.ts"

const directory = new URL("../dist/", import.meta.url)
mkdirSync(directory, { recursive: true })
writeFileSync(new URL("sluice.schema.json", directory), `${JSON.stringify(jsonSchema(), null, 2)}\n`)

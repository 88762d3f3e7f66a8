import { createRequire } from "node:module"

/** Sluice's own, from its package.json: by the package's name, so that it is found from the sources and from `dist`. */
export const { version: VERSION } = createRequire(import.meta.url)("sluice/package.json") as {
  version: string
}

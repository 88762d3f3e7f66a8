import { accessSync, constants, statSync } from "node:fs"

/**
 * Whether a path is a plain file (`f`), a directory (`d`), anything (`e`) or something that may be executed (`x`).
 * `octets`: as the request has them.
 */
export function isOfKind(kind: "f" | "d" | "e" | "x", octets: string): boolean {
  const path = Buffer.from(octets, "latin1")
  if (octets === "" || path.includes(0)) return false
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found === undefined) return false
    if (kind === "f") return found.isFile()
    if (kind === "d") return found.isDirectory()
    if (kind === "x") accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

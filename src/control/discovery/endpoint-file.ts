import { readFile, stat } from "node:fs/promises"
import type { EndpointFile } from "./file-source.ts"

/** A list of 100,000 endpoints is some 8 MB. */
const FILE_OCTETS_MAX = 32 * 1024 * 1024

/** A file of this machine. */
export function endpointFile(path: string): EndpointFile {
  return {
    async stamp() {
      try {
        const { mtimeMs, size, ino } = await stat(path)
        if (size > FILE_OCTETS_MAX) throw new Error(`the file has more than ${FILE_OCTETS_MAX} octets`)
        return `${mtimeMs} ${size} ${ino}`
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return null
        throw error
      }
    },
    read: () => readFile(path, "utf8"),
  }
}

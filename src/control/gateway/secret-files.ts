import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"

/** Files that secrets become: named by what is in them, and readable by this user alone. */
export class SecretFiles {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  /** Errors: throws, where the directory or a file cannot be written. */
  write(files: ReadonlyMap<string, string>): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 })
    const here = new Set(readdirSync(this.directory))
    for (const [path, text] of files) {
      if (here.has(basename(path))) continue
      const half = `${path}.new`
      writeFileSync(half, text, { mode: 0o600 })
      renameSync(half, path)
    }
  }

  /** Takes away what no configuration in force names. */
  retain(files: ReadonlyMap<string, string>): void {
    for (const name of readdirSync(this.directory)) {
      const path = join(this.directory, name)
      if (!files.has(path)) rmSync(path, { force: true })
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

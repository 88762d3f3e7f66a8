import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PACKAGED_FLAGS } from "../peers/sluice.ts"

const HERE = join(import.meta.dirname, "../..")

/** Another revision of the repository, checked out for as long as the benchmark runs. */
export interface Checkout {
  /** `git rev-parse --short`. */
  readonly revision: string
  /** Its program, as `--also` takes it. */
  readonly command: string
  remove(): void
}

/**
 * Checks a revision out beside this one, in a folder of its own, with the dependencies of its own lockfile.
 *
 * @throws where git does not know the revision, or its dependencies cannot be installed
 */
export function checkOut(revision: string): Checkout {
  const short = git(["rev-parse", "--short", "--verify", `${revision}^{commit}`])
  const folder = mkdtempSync(join(tmpdir(), `sluice-bench-${short}-`))
  git(["worktree", "add", "--detach", "--quiet", folder, short])
  const remove = () => {
    git(["worktree", "remove", "--force", folder])
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    install(folder)
  } catch (error) {
    remove()
    throw error
  }
  return {
    revision: short,
    command: `${process.execPath} ${PACKAGED_FLAGS.join(" ")} ${join(folder, "src/cli/main.ts")} run {conf}`,
    remove,
  }
}

function install(folder: string): void {
  const lockOf = (root: string) => readFileSync(join(root, "package-lock.json"), "utf8")
  if (lockOf(folder) === lockOf(HERE)) {
    symlinkSync(join(HERE, "node_modules"), join(folder, "node_modules"))
    return
  }
  run("npm", ["ci", "--no-audit", "--no-fund", "--prefer-offline"], folder)
}

function git(words: string[]): string {
  return run("git", words, HERE)
}

function run(command: string, words: string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, words, { cwd, encoding: "utf8" })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${words[0]}: ${stderr.trim() || stdout.trim()}`)
  return stdout.trim()
}

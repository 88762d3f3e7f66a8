import { spawnSync } from "node:child_process"
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface NginxAnswer {
  readonly accepted: boolean
  /** Of the first error; 0 when it has none. */
  readonly line: number
  readonly said: string
}

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0
const who = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
/** A namespace without a network: no name is looked up, and no port is anybody else's. */
const ALONE = ["--user", "--net", "--"]
/** Reading is over by the time that nginx opens what the file names. */
const AFTER_READING = /^(bind|listen|socket|setsockopt|open|mkdir|chown|chmod|getpwnam|getgrnam)\(/

/**
 * `nginx -t` on files that were not read before: it opens the logs and makes the directories that they name, so it runs as
 * an unprivileged user, without a network, in a directory of its own.
 */
export class NginxTest {
  readonly #directory = mkdtempSync(join(tmpdir(), "sluice-nginx-test-"))
  readonly path = join(this.#directory, "nginx.conf")

  constructor() {
    const body = join(this.#directory, "body")
    mkdirSync(body)
    if (isRoot) for (const path of [this.#directory, body]) chownSync(path, NOBODY, NOBODY)
    process.on("exit", () => rmSync(this.#directory, { recursive: true, force: true }))
  }

  ask(text: string): NginxAnswer {
    writeFileSync(this.path, text)
    const pid = /\bpid\b/.test(text) ? [] : ["-g", "pid n.pid;"]
    const command = ["nginx", "-t", "-p", this.#directory, "-c", this.path, "-e", "stderr", ...pid]
    const { status, stderr, error } = spawnSync("unshare", [...ALONE, ...command], {
      ...who,
      encoding: "utf8",
    })
    if (error !== undefined) return { accepted: false, line: 0, said: error.message }
    const [, said, line] = /\[emerg\] \d+#\d+: (.*?)(?: in \S+:(\d+))?\n/s.exec(stderr) ?? [null, stderr, "0"]
    return {
      accepted: status === 0 || (line === undefined && AFTER_READING.test(said!)),
      line: Number(line ?? 0),
      said: said!.trim(),
    }
  }
}

/** Null: `NginxTest` works here. */
export function missingForNginx(): string | null {
  const nginx = new NginxTest()
  if (nginx.ask("events {}").accepted && !nginx.ask("no_such_directive;").accepted) return null
  return "needs nginx, unshare and the right to use it (Debian: nginx-light, util-linux)"
}

import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { TestContext } from "vitest"
import { eventually } from "./eventually.ts"

/** Whether a program can be run here; says so, and how to get it, where not. */
export function isInstalled(program: string, versionFlag: string, debianPackage: string): boolean {
  const found = spawnSync(program, [versionFlag]).status === 0
  if (!found)
    console.log(`skipped: tests with ${program}; install it with \`apt-get install ${debianPackage}\``)
  return found
}

/**
 * Runs nginx with `http` as what its `http` block holds, until the test is over. Let it listen on `directory`/socket
 * and not on a port that another program may take.
 */
export async function startNginx(
  t: Pick<TestContext, "onTestFinished">,
  directory: string,
  socket: string,
  http: string,
): Promise<void> {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${join(directory, name)};`)
    .join("\n")
  const config = join(directory, "nginx-test.conf")
  const log = join(directory, "nginx-error.log")
  writeFileSync(
    config,
    `daemon off; master_process off; pid ${join(directory, "nginx.pid")}; error_log ${log} info;
    events {}
    http { access_log off; ${temporary}\n${http} }`,
  )
  const nginx = spawn("nginx", ["-p", directory, "-c", config, "-e", log], { stdio: "ignore" })
  t.onTestFinished(async () => {
    if (nginx.exitCode === null && nginx.kill("SIGQUIT")) await once(nginx, "exit")
  })
  const said = (): string => (existsSync(log) ? readFileSync(log, "utf8") : "nothing")
  await eventually(
    // Its file is there before the socket listens; the pid's is written after.
    () => nginx.exitCode !== null || ["nginx.pid", socket].every((name) => existsSync(join(directory, name))),
    () => `nginx listens; it said: ${said()}`,
  )
  if (nginx.exitCode !== null) throw new Error(`nginx ended at once: ${said()}`)
}

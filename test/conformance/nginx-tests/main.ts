/** `npm run conformance:nginx-tests`: nginx's own suite, through `sluice nginx` and through the nginx of this machine. */
import { execFileSync, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, extname, join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { readMeasured, writeMeasured } from "../docs.ts"
import { readTap, type TapCounts } from "./tap.ts"

const OF_WHAT_IS_HONOURED =
  "access,auth_,body,geo,grpc,h2,headers,http_,ignore_,index,limit_,map,merge_,mirror,not_,proxy,range,realip,request_," +
  "rewrite,server_,split_,ssl,stream_,subrequest_,trailers,upstream"
/** Of what Sluice has not: FastCGI and its like, a cache, HTTP/2 to backends that are not gRPC's, UDP, SSI, tunnels, databases of places. */
const LEFT_OUT =
  /^(?:geoip|h2_(?:fastcgi|proxy_cache|ssl_proxy_cache)|proxy_(?:cache|h2|ssi|store|xar)|range_(?:flv|mp4)|stream_(?:geoip|udp)|upstream_hash_memcached)/

const HELP = `Runs files of nginx's own test suite (github.com/nginx/nginx-tests) with "sluice nginx" in nginx's place.

Usage: npm run conformance:nginx-tests -- --from DIR [options]

  --from DIR       the suite: a folder with grpc.t, lib/Test/Nginx.pm and the others
  --only NAME,...  files that begin so (default: those of phases and protocols that Sluice has)
  --through NAME   sluice, nginx or both (default: both)
  --nginx PATH     the nginx that it runs beside; the suite is for the newest (default: nginx)
  --jobs N         files that run at once (default: 4): most of the time they wait
  --logs DIR       where all that a file says is written, as NAME.sluice and NAME.nginx
  --verbose        the names of the tests that fail
  --no-docs        leave docs/conformance.md and docs/conformance.json as they are

perl is needed; Test::Nginx comes with the suite. Exit code: 0; 2 for a usage error, or where there is no suite.
`

/** What Sluice answers as: the suite leaves out what a version has not. */
const ANSWERS_AS = "1.31.5"
/** A file of the suite that goes on is stopped. */
const FILE_TIMEOUT_MS = 400_000

const { values } = parseArgs({
  options: {
    from: { type: "string" },
    only: { type: "string", default: OF_WHAT_IS_HONOURED },
    nginx: { type: "string", default: "nginx" },
    through: { type: "string", default: "both" },
    jobs: { type: "string", default: "4" },
    logs: { type: "string" },
    verbose: { type: "boolean", default: false },
    docs: { type: "boolean", default: true },
    help: { type: "boolean", default: false },
  },
  allowNegative: true,
})

type Runner = "sluice" | "nginx"
const runners: Runner[] = values.through === "both" ? ["sluice", "nginx"] : [values.through as Runner]
if (values.help) process.stdout.write(HELP)
else if (values.from === undefined || !["both", "sluice", "nginx"].includes(values.through)) {
  process.stderr.write(`No suite is given.\n\n${HELP}`)
  process.exitCode = 2
} else await runAll(resolve(values.from))

async function runAll(from: string): Promise<void> {
  const beginnings = values.only.split(",")
  const files = readdirSync(from)
    .filter((file) => file.endsWith(".t") && beginnings.some((each) => file.startsWith(each)))
    .filter((file) => values.only !== OF_WHAT_IS_HONOURED || !LEFT_OUT.test(file))
    .sort()
  if (files.length === 0) {
    process.stderr.write(`${from}: no such files of the suite\n`)
    process.exitCode = 2
    return
  }
  const directory = mkdtempSync(join(tmpdir(), "nginx-tests-"))
  const measured = await readMeasured()
  const table = (measured.nginxTests ??= { version: "", files: {} })
  if (values.only === OF_WHAT_IS_HONOURED && values.through === "both") table.files = {}
  if (runners.includes("nginx")) table.version = versionOfNginx()
  const waiting = [...files]
  const runNext = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const row = (table.files[file.slice(0, -2)] ??= {})
      for (const runner of runners) {
        const counts = await runFile(from, file, binaryOf(runner, directory), directory)
        row[runner] = counts.skipped === null ? `${counts.passed} of ${counts.cases}` : "-"
        if (runner === "sluice") row.failed = counts.failed
        const failed = values.verbose ? counts.failed.map((name) => `\n    ${name}`).join("") : ""
        process.stdout.write(`${file} ${runner}: ${row[runner]}${counts.skipped ?? ""}${failed}\n`)
      }
    }
  }
  await Promise.all(Array.from({ length: Number(values.jobs) }, runNext))
  rmSync(directory, { recursive: true })
  if (values.docs) await writeMeasured(measured)
}

/**
 * What stands for nginx. What it says of itself is asked once: the suite asks in each file. Debian's says that it has
 * modules that are other packages' files: the suite would load them.
 */
function binaryOf(runner: Runner, directory: string): string {
  const path = join(directory, `nginx.${runner}`)
  if (existsSync(path)) return path
  const main = resolve(import.meta.dirname, "../../../src/cli/main.ts")
  const program = runner === "sluice" ? `"${process.execPath}" "${main}" nginx` : `"${values.nginx}"`
  for (const flag of ["-v", "-V"]) {
    const said = execFileSync("sh", ["-c", `${program} ${flag} 2>&1`], { encoding: "utf8" })
    const suited = said
      .replace(/--with-[a-z_]*=dynamic/g, "")
      .replace(/sluice\/[\d.]+/, `nginx/${ANSWERS_AS}`)
    writeFileSync(`${path}${flag}`, suited)
  }
  const text = `case "$1" in -v|-V) exec cat "${path}$1" >&2; esac\nexec ${program} "$@"`
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  return path
}

function versionOfNginx(): string {
  const said = execFileSync("sh", ["-c", `"${values.nginx}" -v 2>&1`], { encoding: "utf8" })
  return /nginx\/([\d.]+)/.exec(said)?.[1] ?? ""
}

function runFile(from: string, file: string, binary: string, directory: string): Promise<TapCounts> {
  const { promise, resolve: done } = Promise.withResolvers<TapCounts>()
  const child = spawn("perl", [`-I${import.meta.dirname}`, "-Ilib", "-MPatience", file], {
    cwd: from,
    env: {
      ...process.env,
      TEST_NGINX_BINARY: binary,
      NODE_COMPILE_CACHE: join(directory, "compiled"),
      // Else root's nginx has workers that may not see the files of the suite.
      ...(process.getuid?.() === 0 && { TEST_NGINX_GLOBALS: "user root;" }),
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  })
  let text = ""
  let all = ""
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    text += piece
    all += piece
  })
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    all += piece
  })
  // What the suite started, too, is of its process group.
  const end = (): void => void (child.pid !== undefined && killGroup(child.pid))
  const timer = setTimeout(end, FILE_TIMEOUT_MS)
  child.on("error", (error) => done({ cases: 0, passed: 0, failed: [], skipped: error.message }))
  child.on("exit", (code) => {
    clearTimeout(timer)
    end()
    if (values.logs !== undefined)
      writeFileSync(join(values.logs, `${basename(file, ".t")}${extname(binary)}`), all)
    done(readTap(text, code !== null))
  })
  return promise
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // It is gone.
  }
}

/** `sluice nginx`: the switches of nginx's own command, for scripts and images that call it. */
import { readFileSync } from "node:fs"
import { isAbsolute, join } from "node:path"
import { VERSION } from "../base/version.ts"
import { type LoadedConfig, loadConfig } from "../config/load.ts"
import { type ConfigFiles, rereadableFiles } from "../config/nginx/include.ts"
import { messageOf, type Problem } from "../config/problem.ts"
import { prepare } from "./prepare.ts"
import { run } from "./run.ts"

/** Where nginx's packages have it. */
const PREFIX = "/etc/nginx"

/** What nginx's build says of itself that has a counterpart here: scripts look for these words. */
const CONFIGURE = [
  ...["http_ssl_module", "http_v2_module", "http_realip_module", "http_auth_request_module"],
  ...["http_secure_link_module", "stream", "stream_ssl_module", "stream_ssl_preread_module"],
  "stream_realip_module",
].map((module) => `--with-${module}`)

const USAGE = `nginx version: sluice/${VERSION}
Usage: sluice nginx [-?hvVtTq] [-s signal] [-p prefix]
                    [-e filename] [-c filename] [-g directives]

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to a master process: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: ${PREFIX}/)
  -e filename   : set error log file (without effect: the configuration says it)
  -c filename   : set configuration file (default: nginx.conf)
  -g directives : set global directives out of configuration file
`

interface Switches {
  shows: "help" | "version" | "build" | null
  isTest: boolean
  isDump: boolean
  isQuiet: boolean
  signal: string | null
  prefix: string
  file: string
  directives: string
}

/** What the command needs of the process, so that a test can hand in its own. */
export interface NginxProcess {
  stdout: { write(text: string): unknown }
  stderr: { write(text: string): unknown }
  kill(pid: number, signal: NodeJS.Signals): void
  run(path: string, load: (path: string) => LoadedConfig): Promise<number>
}

export const nginxProcess: NginxProcess = {
  stdout: process.stdout,
  stderr: process.stderr,
  kill: (pid, signal) => void process.kill(pid, signal),
  run: (config, load) => run({ listen: [], to: [], json: false, strict: false, watch: false, config, load }),
}

/** @returns the exit code, as nginx has it: 0, or 1 for anything that is wrong */
export async function nginx(args: readonly string[], io: NginxProcess = nginxProcess): Promise<number> {
  const switches = readSwitches(args)
  if (typeof switches === "string") {
    io.stderr.write(`nginx: ${switches}\n`)
    return 1
  }
  if (switches.shows !== null) {
    io.stderr.write(shown(switches.shows))
    return 0
  }
  const path = isAbsolute(switches.file) ? switches.file : join(switches.prefix, switches.file)
  const files = withDirectives(path, switches.directives)
  const load = (file: string): LoadedConfig => loadConfig(file, files)
  if (switches.signal !== null) return signal(switches.signal, path, load, io)
  return switches.isTest ? test(path, load, switches, io) : io.run(path, load)
}

function shown(what: "help" | "version" | "build"): string {
  if (what === "help") return USAGE
  const version = `nginx version: sluice/${VERSION}\n`
  if (what === "version") return version
  const tls = `built with OpenSSL ${process.versions.openssl}\nTLS SNI support enabled\n`
  return `${version}${tls}configure arguments: ${CONFIGURE.join(" ")}\n`
}

/** As nginx reads them: `-tqc file`, `-cfile` and `-c file` are all taken. A string says what is wrong. */
function readSwitches(args: readonly string[]): Switches | string {
  const switches: Switches = {
    shows: null,
    isTest: false,
    isDump: false,
    isQuiet: false,
    signal: null,
    prefix: PREFIX,
    file: "nginx.conf",
    directives: "",
  }
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!
    if (!word.startsWith("-")) return `invalid option: "${word}"`
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!
      if ("cpgse".includes(letter)) {
        const rest = word.slice(at + 1)
        const value = rest === "" ? args[++i] : rest
        if (value === undefined || value === "") return `option "-${letter}" requires ${VALUES[letter]}`
        const problem = take(switches, letter, value)
        if (problem !== null) return problem
        break
      }
      if (!"?hvVtTq".includes(letter)) return `invalid option: "${letter}"`
      if (letter === "?" || letter === "h") switches.shows = "help"
      if (letter === "v") switches.shows ??= "version"
      if (letter === "V") switches.shows = "build"
      if (letter === "t" || letter === "T") switches.isTest = true
      if (letter === "T") switches.isDump = true
      if (letter === "q") switches.isQuiet = true
    }
  }
  return switches
}

const VALUES: Readonly<Record<string, string>> = {
  c: "file name",
  p: "directory name",
  g: "parameter",
  s: "parameter",
  e: "file name",
}

function take(switches: Switches, letter: string, value: string): string | null {
  if (letter === "c") switches.file = value
  if (letter === "p") switches.prefix = value
  if (letter === "g") switches.directives += `${value}\n`
  if (letter !== "s") return null
  switches.signal = value
  return Object.hasOwn(SIGNALS, value) ? null : `invalid option: "-s ${value}"`
}

/** The main file with what `-g` says behind it. */
function withDirectives(path: string, directives: string): ConfigFiles {
  const files = rereadableFiles()
  if (directives === "") return files
  const more = Buffer.from(`\n${directives}`)
  return {
    ...files,
    read: (file) => (file === path ? Buffer.concat([files.read(file), more]) : files.read(file)),
  }
}

async function test(
  path: string,
  load: (path: string) => LoadedConfig,
  { isDump, isQuiet }: Switches,
  { stdout, stderr }: NginxProcess,
): Promise<number> {
  const { config, problems, sources } = await prepare(path, { strict: false, load })
  for (const problem of problems) if (problem.severity !== "note") stderr.write(lineOf(problem))
  if (config === null) {
    stderr.write(`nginx: configuration file ${path} test failed\n`)
    return 1
  }
  if (!isQuiet) {
    stderr.write(`nginx: the configuration file ${path} syntax is ok\n`)
    stderr.write(`nginx: configuration file ${path} test is successful\n`)
  }
  if (isDump) for (const [file, text] of sources) stdout.write(`# configuration file ${file}:\n${text}\n\n`)
  return 0
}

function lineOf(problem: Problem): string {
  const level = problem.severity === "error" ? "emerg" : "warn"
  const place = problem.line === 0 ? "" : ` in ${problem.file}:${problem.line}`
  return `nginx: [${level}] ${messageOf(problem)}${place}\n`
}

/** A second SIGTERM ends it at once, as `stop` does nginx. */
const SIGNALS: Readonly<Record<string, readonly NodeJS.Signals[]>> = {
  stop: ["SIGTERM", "SIGTERM"],
  quit: ["SIGQUIT"],
  reload: ["SIGHUP"],
  reopen: ["SIGUSR1"],
}

function signal(
  name: string,
  path: string,
  load: (path: string) => LoadedConfig,
  { stderr, kill }: NginxProcess,
): number {
  const { config, problems } = load(path)
  if (config === null) {
    for (const problem of problems) if (problem.severity === "error") stderr.write(lineOf(problem))
    return 1
  }
  const pidFile = config.pidFile ?? "/run/nginx.pid"
  let text: string
  try {
    text = readFileSync(pidFile, "latin1")
  } catch (error) {
    stderr.write(`nginx: [error] open() "${pidFile}" failed (${(error as NodeJS.ErrnoException).code})\n`)
    return 1
  }
  const pid = /^\d+\s*$/.test(text) ? Number(text) : 0
  if (pid === 0) {
    stderr.write(`nginx: [error] invalid PID number "${text.trim()}" in "${pidFile}"\n`)
    return 1
  }
  try {
    for (const each of SIGNALS[name]!) kill(pid, each)
    return 0
  } catch (error) {
    stderr.write(`nginx: [alert] kill(${pid}) failed (${(error as NodeJS.ErrnoException).code})\n`)
    return 1
  }
}

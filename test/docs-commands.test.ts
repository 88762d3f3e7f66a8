import { execFile, spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { pathToFileURL } from "node:url"
import { promisify } from "node:util"
import { describe, expect, onTestFinished, test } from "vitest"
import { LogBook } from "../examples/chat/testing/log-book.ts"
import { documents, fences, pathInRepo, readText } from "./support/markdown.ts"

const root = pathInRepo("")
const { scripts } = JSON.parse(readText("package.json")) as { scripts: Record<string, string> }

interface Shown {
  document: string
  command: string
}

/** Every command of every document, one a row: `a && b` and `a | b` are two, redirections left out. */
const commands: Shown[] = documents.flatMap((document) =>
  ["bash", "console"]
    .flatMap((language) => fences(readText(document), language))
    .flatMap((block) => block.split("\n"))
    .flatMap((line) => line.replace(/^\$ /, "").split(/ && | \| /))
    .map((command) => ({ document, command: command.replace(/ #.*| >.*/, "").trim() })),
)

describe("every command that a document shows exists, with its flags", () => {
  const known = commands
    .map(({ document, command }) => ({ document, command, words: programOf(command) }))
    .filter(({ words }) => words !== null)

  test.each(known)("$document: $command", async ({ words }) => {
    const [program, ...args] = words!
    expect(existsSync(join(root, program!))).toBe(true)
    const flags = args.filter((arg) => /^--?[a-z]/.test(arg)).map((flag) => flag.split("=")[0]!)
    const subcommand = args.length > 0 && /^[a-z]+$/.test(args[0]!) && program!.endsWith("cli/main.ts")
    const help = await run([program!, ...(subcommand ? [args[0]!] : []), "--help"])
    for (const flag of flags) expect(help).toContain(flag)
    if (subcommand) expect(help).toContain(`sluice ${args[0]!}`)
  })

  test("and every npm script that is called is one", () => {
    const called = commands.flatMap(({ command }) => /^npm run (?:--silent )?(\S+)/.exec(command)?.[1] ?? [])
    expect(called.filter((name) => scripts[name] === undefined)).toEqual([])
  })
})

/** Our program that a command starts, and its arguments; null for others' (`curl`), and for `npm ci`. */
function programOf(command: string): string[] | null {
  const words = command.split(/\s+/)
  if (words[0] === "sluice") return ["src/cli/main.ts", ...words.slice(1)]
  const [, name, rest = ""] = /^npm (?:run (?:--silent )?)?(\S+)(?: -- (.*))?$/.exec(command) ?? []
  const script = /^node (\S+\.ts)$/.exec(scripts[name ?? ""] ?? "")
  return script === null ? null : [script[1]!, ...rest.split(/\s+/).filter(Boolean)]
}

const helps = new Map<string, Promise<string>>()

/** What one of our programs prints. */
function run(args: string[]): Promise<string> {
  const key = args.join(" ")
  const known = helps.get(key)
  if (known !== undefined) return known
  const output = promisify(execFile)(process.execPath, args, { cwd: root }).then(({ stdout }) => stdout)
  helps.set(key, output)
  return output
}

test("the README's 60 seconds: npm start, a conversation, Ctrl-C", async () => {
  const [, client] = fences(readText("README.md"), "bash").map((block) => block.trim())
  const [conversation] = fences(readText("README.md"), "text")
  const demo = start("npm start", [])
  const ended = demo.exit.then((code) => Promise.reject(new Error(`npm start ended with ${code}`)))
  ended.catch(() => {})
  await Promise.race([demo.log.line("Ctrl-C ends everything."), ended])
  const text = demo.log.lines.join("\n")
  const address = /chat:client -- --server (\S+)/.exec(text)![1]!

  // What the README shows is what a person types and sees; here nothing echoes what is typed.
  const lines = conversation!.trim().split("\n")
  const typed = ["你好", "返回数据流", "结束对话"]
  const all = Array.from({ length: 10 }, (_, index) => `[客户端收到]: 数据流 #${index}`)
  const shown = lines
    .filter((line) => !typed.includes(line))
    .flatMap((line) => (line === "..." ? all.slice(2) : line))
  const chat = start(client!.replace(/\S+$/, address), typed)
  expect(await chat.exit).toBe(0)
  expect(chat.log.lines.filter((line) => !line.startsWith("> ") && line !== "")).toEqual(shown)

  demo.interrupt()
  await demo.exit
  const pids = [...text.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid))
  expect(pids.length).toBe(2)
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH")
})

/** Types `command` into a shell that has a terminal's habits: Ctrl-C goes to everything it started. */
function start(command: string, input: string[]) {
  const child = spawn("sh", ["-c", command], {
    cwd: root,
    detached: true,
    // npm has things to say on standard error about the machine it is on.
    stdio: ["pipe", "pipe", "ignore"],
  })
  const log = new LogBook()
  createInterface({ input: child.stdout }).on("line", log.write)
  const exit = new Promise<number | string>((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? signal!))
  })
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(-child.pid!, name)
    } catch {
      // All of them have ended.
    }
  }
  onTestFinished(() => signal("SIGKILL"))
  child.stdin.end(input.map((line) => `${line}\n`).join(""))
  return { log, exit, interrupt: () => signal("SIGINT") }
}

test("the README's adapt prints sluice.yaml that sluice check accepts", async () => {
  const yaml = await run(["src/cli/main.ts", "adapt", "examples/chat/nginx/two.conf"])
  const folder = temporaryFolder()
  const path = join(folder, "sluice.yaml")
  // Where nginx was never installed there is no such directory.
  expect(yaml).toContain("/var/log/nginx/")
  writeFileSync(path, yaml.replaceAll("/var/log/nginx/", `${folder}/`))
  expect(await run(["src/cli/main.ts", "check", path])).toContain("ok, listens on 0.0.0.0:80")
})

test("the README's program runs", async () => {
  const [program] = fences(readText("README.md"), "ts")
  const path = join(temporaryFolder(), "program.ts")
  const library = pathToFileURL(pathInRepo("src/index.ts")).href
  // Its last line is for later; here that is now.
  const whole = program!.replace("// later: ", "")
  expect(whole).not.toBe(program)
  writeFileSync(
    path,
    whole.replace('"sluice"', JSON.stringify(library)).replace("127.0.0.1:8080", "127.0.0.1:0"),
  )
  const printed = await run([path])
  expect(printed).toContain("connections: 0")
})

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "docs-commands-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

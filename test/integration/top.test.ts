import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { describe, expect, type TestContext, test } from "vitest"
import { eventually } from "../support/eventually.ts"
import { freePort } from "../support/free-port.ts"
import { isInstalled } from "../support/nginx.ts"
import { RawClient } from "../support/raw-client.ts"
import { RawServer } from "../support/raw-server.ts"
import { SluiceProcess, testDirectory } from "../support/sluice-process.ts"

const PROGRAM = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))
const TERMINAL = fileURLToPath(new URL("../support/terminal.py", import.meta.url))

/** `sluice top` in a terminal. */
class Terminal {
  readonly ended: Promise<number | null>
  /** All that it was sent. */
  text = ""
  readonly #child: ChildProcess

  constructor(t: TestContext, size: [columns: number, rows: number], env: NodeJS.ProcessEnv) {
    const command = [TERMINAL, ...size.map(String), process.execPath, PROGRAM, "top"]
    this.#child = spawn("python3", command, { env: { ...process.env, ...env } })
    this.#child.stdout!.on("data", (octets: Buffer) => (this.text += octets.toString()))
    this.ended = once(this.#child, "exit").then(([code]) => code as number | null)
    t.onTestFinished(() => void this.#child.kill("SIGKILL"))
  }

  tell(order: string | [columns: number, rows: number]): void {
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`)
  }

  /** The lines of the last whole picture. */
  get lines(): string[] {
    const end = this.text.lastIndexOf("\x1b[J")
    const start = this.text.lastIndexOf("\x1b[H", end)
    return end < 0
      ? []
      : this.text
          .slice(start + 3, end)
          .replaceAll("\x1b[K", "")
          .split(/\r+\n/)
  }

  async shows(isSo: (lines: string[]) => boolean, what: string): Promise<string[]> {
    await eventually(
      () => isSo(this.lines),
      () => `${what}; it shows\n${this.lines.join("\n")}`,
    )
    return this.lines
  }
}

async function start(t: TestContext) {
  const directory = testDirectory(t)
  const backend = await RawServer.start()
  t.onTestFinished(() => backend.close())
  const [port, admin] = [await freePort(), await freePort()]
  const env = {
    XDG_RUNTIME_DIR: directory,
    TMPDIR: directory,
    RUNTIME_DIRECTORY: "",
    SLUICE_ADMIN: undefined,
    NO_COLOR: undefined,
  }
  const clusters = { "a-cluster-with-a-name-that-is-long": [`127.0.0.1:${backend.port}`] }
  const sluice = new SluiceProcess(t, { listeners: `127.0.0.1:${port}`, admin, clusters }, env)
  await sluice.says('"message":"listening"')
  const client = await RawClient.connect(port)
  t.onTestFinished(() => client.destroy())
  client.open()
  await backend.stream()
  return { sluice, env, endpoint: `127.0.0.1:${backend.port}` }
}

describe.skipIf(!isInstalled("python3", "--version", "python3"))("sluice top in a terminal", () => {
  test("fits it, follows its size and its keys, and gives it back", async (t) => {
    const { sluice, env, endpoint } = await start(t)
    const terminal = new Terminal(t, [60, 12], env)
    const narrow = await terminal.shows(
      (lines) => lines.some((line) => line.includes("1 of 1 streams")),
      "a stream",
    )
    expect(narrow.length).toBeLessThanOrEqual(12)
    expect(Math.max(...narrow.map((line) => line.length))).toBeLessThanOrEqual(60)
    // What the line is about is there whole, and the stream is on the screen.
    expect(narrow.filter((line) => line.includes(endpoint))).toHaveLength(2)
    expect(narrow.at(-1)).toContain("by -age")
    terminal.tell([140, 50])
    const wide = await terminal.shows(
      (lines) => lines.some((line) => line.startsWith("listens on")),
      "the whole status",
    )
    expect(wide.find((line) => line.startsWith("cluster"))).toContain("fair share")
    expect(wide.join("\n")).toContain("a-cluster-with-a-name-that-is-long")
    terminal.tell("s")
    await terminal.shows((lines) => lines.at(-1)!.includes("by -messages"), "the next order")
    sluice.signal("SIGKILL")
    await terminal.shows(
      (lines) => /^\x1b\[7mno Sluice answers at .* old\x1b\[m$/.test(lines[0]!),
      "lost contact",
    )
    expect(terminal.lines.join("\n")).toContain("1 of 1 streams")
    terminal.tell("q")
    expect(await terminal.ended).toBe(0)
    expect(terminal.text.endsWith("\x1b[?25h\x1b[?1049l")).toBe(true)
  })

  test("without colors, and by Ctrl-C", async (t) => {
    const { sluice, env } = await start(t)
    const [first, second] = [0, 1].map(() => new Terminal(t, [80, 24], { ...env, NO_COLOR: "1" }))
    for (const terminal of [first!, second!]) await terminal.shows((lines) => lines.length > 3, "a picture")
    first!.tell("\x03")
    expect(await first!.ended).toBe(0)
    sluice.signal("SIGKILL")
    await second!.shows((lines) => lines[0]!.startsWith("! no Sluice answers"), "lost contact")
    expect(second!.text).not.toContain("\x1b[7m")
    second!.tell("q")
    expect(await second!.ended).toBe(0)
  })

  test("says why there is nothing to show", async (t) => {
    const directory = testDirectory(t)
    const env = {
      XDG_RUNTIME_DIR: directory,
      TMPDIR: directory,
      RUNTIME_DIRECTORY: "",
      SLUICE_ADMIN: undefined,
    }
    const terminal = new Terminal(t, [80, 24], env)
    expect(await terminal.ended).toBe(1)
    expect(terminal.text).toContain("no Sluice of this user runs here")
  })
})

import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { get, type IncomingMessage } from "node:http"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { CommandProcess, testDirectory } from "../../test/support/sluice-process.ts"

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url))
/** The file as standard input of the command behind it, by a pipe: what Node gives a child is a socket. */
const PIPED = 'file="$1"; shift; cat "$file" | exec "$@"'

test.for<[string, string[], number, string?]>([
  ["check", ["check"], 2],
  ["check, of YAML,", ["check"], 2, '{ "frob": 1 }'],
  ["adapt", ["adapt"], 2],
  ["nginx -t", ["nginx", "-t", "-c"], 1],
])("%s reads what comes through a pipe", ([, command, refused, text = "http { frob on; }"], t) => {
  const file = join(testDirectory(t), "nginx.conf")
  writeFileSync(file, text)
  const args = ["-c", PIPED, "sh", file, process.execPath, MAIN, ...command, "/dev/stdin"]
  const { status, stdout, stderr } = spawnSync("sh", args, { encoding: "utf8" })
  expect({ status, said: stdout + stderr }).toEqual({
    status: refused,
    said: expect.stringContaining("frob") as string,
  })
})

test("run takes what came through a pipe, and a reload takes it as it was", async (t) => {
  const directory = testDirectory(t)
  const file = join(directory, "nginx.conf")
  const socketPath = join(directory, "listens.sock")
  writeFileSync(file, `server { listen unix:${socketPath}; return 200 "piped"; }`)
  const pipe = join(directory, "pipe")
  const started = 'mkfifo "$1"; cat "$2" > "$1" & shift 2; exec "$@"'
  const sluice = new CommandProcess(t, ["run", pipe], { XDG_RUNTIME_DIR: directory }, (command, env) =>
    spawn("sh", ["-c", started, "sh", pipe, file, ...command], { env }),
  )
  const answered = async () => {
    const [response] = (await once(get({ socketPath }), "response")) as [IncomingMessage]
    return (await response.toArray()).join("")
  }
  await sluice.says('"message":"listening"')
  expect(await answered()).toBe("piped")
  sluice.signal("SIGHUP")
  await sluice.says("configuration reloaded")
  expect(await answered()).toBe("piped")
})

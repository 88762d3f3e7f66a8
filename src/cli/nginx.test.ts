import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, test } from "vitest"
import { nginx } from "./nginx.ts"

const directory = mkdtempSync(join(tmpdir(), "sluice-nginx-"))
afterAll(() => rmSync(directory, { recursive: true }))

const RIGHT = "events {}\nhttp { server { listen 127.0.0.1:1; location / { grpc_pass 127.0.0.1:2; } } }\n"
const pidFile = join(directory, "pid")
writeFileSync(join(directory, "right.conf"), `pid ${pidFile};\n${RIGHT}`)
writeFileSync(join(directory, "wrong.conf"), "events {}\nhttp {\n  nonsense on;\n}\n")
writeFileSync(pidFile, "4711\n")

async function nginxWith(args: string[]) {
  const out: string[] = []
  const err: string[] = []
  const killed: string[] = []
  const ran: string[] = []
  const code = await nginx(args, {
    stdout: { write: (text: string) => void out.push(text) },
    stderr: { write: (text: string) => void err.push(text) },
    kill: (pid, signal) => void killed.push(`${pid} ${signal}`),
    run: async (path, load) => {
      ran.push(`${path} ${load(path).config?.workers}`)
      return 0
    },
  })
  return { code, out: out.join(""), err: err.join(""), killed, ran }
}

test("-t says what nginx says", async () => {
  const { code, err } = await nginxWith(["-t", "-p", directory, "-c", "right.conf"])
  const path = join(directory, "right.conf")
  expect(err).toBe(
    `nginx: the configuration file ${path} syntax is ok\nnginx: configuration file ${path} test is successful\n`,
  )
  expect(code).toBe(0)
})

test("-t of a wrong file names file and line, and fails", async () => {
  const { code, err } = await nginxWith(["-tc", join(directory, "wrong.conf")])
  const path = join(directory, "wrong.conf")
  expect(err).toContain(`nginx: [emerg] unknown directive "nonsense" in ${path}:3\n`)
  expect(err).toContain(`nginx: configuration file ${path} test failed\n`)
  expect(code).toBe(1)
})

test("-q is quiet, -T dumps", async () => {
  const { out, err } = await nginxWith(["-qT", "-p", directory, "-cright.conf"])
  expect(err).toBe("")
  expect(out).toBe(`# configuration file ${join(directory, "right.conf")}:\npid ${pidFile};\n${RIGHT}\n\n`)
})

test.each([
  ["stop", ["4711 SIGTERM", "4711 SIGTERM"]],
  ["quit", ["4711 SIGQUIT"]],
  ["reload", ["4711 SIGHUP"]],
  ["reopen", ["4711 SIGUSR1"]],
])("-s %s", async (name, expected) => {
  const { code, killed } = await nginxWith(["-p", directory, "-c", "right.conf", "-s", name])
  expect(killed).toEqual(expected)
  expect(code).toBe(0)
})

test("-g says what the file does not, and the file runs", async () => {
  const { ran } = await nginxWith(["-p", directory, "-c", "right.conf", "-g", "worker_processes 3;"])
  expect(ran).toEqual([`${join(directory, "right.conf")} 3`])
})

test.each([
  [["-v"], /^nginx version: sluice\/\S+\n$/, 0],
  [
    ["-V"],
    /built with OpenSSL [\d.]+\S*\nTLS SNI support enabled\nconfigure arguments: .*--with-http_v2_module .*--with-http_auth_request_module .*--with-stream /,
    0,
  ],
  [["-h"], /Usage: sluice nginx/, 0],
  [["-x"], /nginx: invalid option: "x"/, 1],
  [["-c"], /nginx: option "-c" requires file name/, 1],
  [["-s", "dance"], /nginx: invalid option: "-s dance"/, 1],
])("%j", async (args, expected, exit) => {
  const { code, err } = await nginxWith(args)
  expect(err).toMatch(expected)
  expect(code).toBe(exit)
})

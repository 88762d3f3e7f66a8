import { execFile } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, type TestContext, test } from "vitest"
import { eventually } from "../support/eventually.ts"
import { freePort } from "../support/free-port.ts"
import { RawClient } from "../support/raw-client.ts"
import { RawServer } from "../support/raw-server.ts"
import { SluiceProcess, testDirectory } from "../support/sluice-process.ts"

const PROGRAM = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

interface Told {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** `sluice ARGS`, which finds no other processes than those of `directory`. */
function sluice(directory: string, ...args: string[]): Promise<Told> {
  const env = {
    ...process.env,
    XDG_RUNTIME_DIR: directory,
    TMPDIR: directory,
    RUNTIME_DIRECTORY: "",
    SLUICE_ADMIN: "",
  }
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...args], { env }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    )
  })
}

async function start(t: TestContext) {
  const directory = testDirectory(t)
  const backend = await RawServer.start()
  t.onTestFinished(() => backend.close())
  const port = await freePort()
  const env = { XDG_RUNTIME_DIR: directory, TMPDIR: directory, RUNTIME_DIRECTORY: "" }
  const endpoint = `127.0.0.1:${backend.port}`
  const config = { listeners: [`127.0.0.1:${port}`], clusters: { chat: [endpoint] } }
  const process = new SluiceProcess(t, config, env)
  await process.says('"message":"listening"')
  const client = await RawClient.connect(port)
  t.onTestFinished(() => client.destroy())
  const id = client.open()
  await eventually(
    () => backend.streams.length === 1,
    () => "the stream is at the backend",
  )
  const tell = (...args: string[]): Promise<Told> => sluice(directory, ...args)
  return { process, tell, endpoint, backend, client, id, config }
}

describe("commands that speak to a running Sluice", () => {
  test("look at it, give orders, and say what was done", async (t) => {
    const { tell, process, endpoint, backend, client, id, config } = await start(t)
    const status = await tell("status")
    expect(status).toMatchObject({ code: 0, err: "" })
    expect(status.out).toMatch(/^Sluice \S+, pid \d+, running for /)
    expect(status.out).toMatch(new RegExp(`\nchat +${endpoint} +up +1 +1 +1 +1 *\n`))
    const streams = await tell("streams", "path:nothing")
    expect(streams.out).toContain("0 shown, 0 match, 1 are live")
    const { streams: rows } = JSON.parse((await tell("streams", "--json")).out) as {
      streams: { id: string }[]
    }
    expect(rows).toMatchObject([{ endpoint, cluster: "chat" }])
    const stream = rows[0]!.id
    expect((await tell("streams", stream)).out).toContain("an endpoint was picked")
    expect((await tell("top")).out).toContain("1 of 1 streams, by -age")
    expect((await tell("drain", "127.0.0.1")).out).toBe(`${endpoint} of chat drains\n`)
    expect((await tell("drain", endpoint, "--grace", "1h")).out).toBe(`${endpoint} of chat drains already\n`)
    expect((await tell("resume", endpoint)).out).toBe(`${endpoint} of chat takes new streams\n`)
    expect(await tell("move", stream)).toMatchObject({
      code: 1,
      err: `sluice: stream ${stream} cannot move now: docs/continuity.md says what can\n`,
    })
    expect((await tell("move", endpoint, "--streams", "5")).out).toBe(
      `0 of 5 streams of ${endpoint} of chat move\n`,
    )
    expect((await tell("end", stream, "--status", "aborted")).out).toBe(
      `stream ${stream} ended with ABORTED\n`,
    )
    await client.end(id)
    expect(client.about(id).join()).toContain("grpc-status=10")
    process.configure({
      ...config,
      clusters: { chat: [endpoint], more: ["127.0.0.1:9"] },
      routes: [{ cluster: "chat" }],
    })
    expect((await tell("reload")).out).toContain("configuration reloaded\n+ cluster more\n")
    client.open()
    await eventually(
      () => backend.streams.length === 2,
      () => "a stream is open",
    )
    expect((await tell("drain")).out).toMatch(/^it drains: \d live streams have 30 s\n$/)
    expect((await tell("drain")).out).toBe("it drains already\n")
    client.destroy()
    await process.says('"message":"stopped"')
  })

  test("say in one line what is wrong, with an exit code", async (t) => {
    const { tell } = await start(t)
    const wrong: readonly (readonly [args: string[], code: number, err: string])[] = [
      [["streams", "idl:>5m"], 2, 'sluice: filter: there is no field "idl" to filter by;'],
      [["end", "99-1"], 1, "sluice: there is no live stream 99-1\n"],
      [["drain", "10.0.0.9:1"], 1, "sluice: there is no endpoint 10.0.0.9:1; there are 127.0.0.1:"],
      [
        ["drain", "127.0.0.1", "--grace", "5"],
        2,
        "sluice: --grace 5: must be a time such as 30s, 5m or 1h30m\n",
      ],
      [["drain", "--grace", "5s"], 2, "sluice: --grace and --cluster are of an endpoint: say which\n"],
      [["move", "127.0.0.1"], 2, "sluice: say a stream's id, or an endpoint and --streams\n"],
      [["move", "127.0.0.1", "--streams", "0"], 2, "sluice: --streams 0: a number from 1\n"],
      [["reload", "--admin", "127.0.0.1:1"], 1, "sluice: no Sluice answers at 127.0.0.1:1\n"],
      [
        ["status", "--admin", "x"],
        2,
        "sluice: --admin x: must be a port, host:port, [v6]:port or unix:/path\n",
      ],
      [
        ["end", "1-1", "--status", "WHAT"],
        2,
        "sluice: status: must be a grpc-status: its name, such as ABORTED, or its number, 0 to 16\n",
      ],
      [["ende", "1-1"], 2, "error: unknown command 'ende'\n(Did you mean end?)\n(see --help)\n"],
    ]
    for (const [args, code, err] of wrong) {
      const told = await tell(...args)
      expect([told.code, told.out], args.join(" ")).toEqual([code, ""])
      expect(told.err).toContain(err)
    }
    const nothing = await sluice(testDirectory(t), "status")
    expect(nothing).toMatchObject({ code: 1, out: "" })
    expect(nothing.err).toMatch(
      /^sluice: no Sluice of this user runs here with an admin API; .*: --admin 127.0.0.1:9901\n$/,
    )
  })

  test("show a token where one is wanted", async (t) => {
    const directory = testDirectory(t)
    const token = join(directory, "token")
    writeFileSync(token, "correct-horse-battery")
    const admin = await freePort()
    const process = new SluiceProcess(t, {
      listeners: [`127.0.0.1:${await freePort()}`],
      admin: { address: admin, token },
      clusters: { chat: ["127.0.0.1:9"] },
    })
    await process.says('"message":"listening"')
    const without = await sluice(directory, "status", "--admin", String(admin))
    expect(without).toMatchObject({ code: 1, err: "sluice: a token is needed: Authorization: Bearer ...\n" })
    const withIt = await sluice(directory, "status", "--admin", String(admin), "--token-file", token)
    expect(withIt.code).toBe(0)
  })

  test("find one that has an address and a token of its own, until it is gone", async (t) => {
    const directory = testDirectory(t)
    const token = join(directory, "token")
    writeFileSync(token, "a-token-of-some-length\n")
    const [port, admin] = [await freePort(), await freePort()]
    const env = { XDG_RUNTIME_DIR: directory, TMPDIR: directory, RUNTIME_DIRECTORY: "" }
    const config = {
      listeners: `127.0.0.1:${port}`,
      clusters: { chat: ["127.0.0.1:9"] },
      admin: { address: `127.0.0.1:${admin}`, token },
    }
    const process = new SluiceProcess(t, config, env)
    await process.says('"message":"listening"')
    expect(await sluice(directory, "status")).toMatchObject({ code: 0, err: "" })
    process.signal("SIGTERM")
    await process.ended
    const gone = await sluice(directory, "status")
    expect(gone.code).toBe(1)
    expect(gone.err).toBe(
      "sluice: no Sluice of this user runs here with an admin API; another user's, or another machine's, is named so: --admin 127.0.0.1:9901\n",
    )
  })
})

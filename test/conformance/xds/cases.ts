/** What each proxyless client has to do as Sluice tells it, on real sockets. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { askAdmin } from "../../support/admin-client.ts"
import { Certificate } from "../../support/certificates.ts"
import { freePort } from "../child.ts"
import { WhereBackend } from "./backends.ts"
import { type Calls, type ClientProgram, XdsClient } from "./client.ts"

const PROGRAM = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url))
const GIVE_UP_MS = 60_000

/** A Sluice with an xDS server, backends, and clients of one kind. Everything ends with `close`. */
class Bed {
  readonly #program: ClientProgram
  readonly #folder = mkdtempSync(join(tmpdir(), "sluice-xds-"))
  readonly #ends: (() => void)[] = []
  readonly admin: number
  readonly xds: number
  readonly #listener: number
  #sluice: ChildProcess | null = null
  #log = ""

  private constructor(program: ClientProgram, [admin, xds, listener]: readonly number[]) {
    this.#program = program
    this.admin = admin!
    this.xds = xds!
    this.#listener = listener!
    this.#ends.push(() => rmSync(this.#folder, { recursive: true, force: true }))
  }

  static async open(program: ClientProgram): Promise<Bed> {
    return new Bed(program, [await freePort(), await freePort(), await freePort()])
  }

  file(name: string, text: string): string {
    const path = join(this.#folder, name)
    writeFileSync(path, text)
    return path
  }

  async backends(many: number): Promise<WhereBackend[]> {
    const started: WhereBackend[] = []
    for (let i = 0; i < many; i++) started.push(await this.backend())
    return started
  }

  async backend(tls: { cert: string; key: string } | null = null, host?: string): Promise<WhereBackend> {
    const backend = await WhereBackend.start(tls, host)
    this.#ends.push(() => backend.close())
    return backend
  }

  #configure(config: object): string {
    const whole = {
      listeners: this.#listener,
      admin: { address: this.admin, xds: this.xds },
      ...config,
    }
    return this.file("sluice.yaml", JSON.stringify(whole))
  }

  /** Starts it, in the place of one that ended. */
  async sluice(config: object): Promise<void> {
    const child = spawn(process.execPath, [PROGRAM, "run", this.#configure(config)], {
      stdio: ["ignore", "ignore", "pipe"],
    })
    this.#sluice = child
    this.#ends.push(() => child.kill("SIGKILL"))
    this.#log = ""
    child.stderr!.on("data", (octets: Buffer) => {
      this.#log += octets.toString()
    })
    await this.until("it listens", () => {
      if (child.exitCode !== null) throw new Error(`Sluice ended: ${this.#log}`)
      return this.#log.includes('"message":"listening"')
    })
  }

  async reload(config: object): Promise<void> {
    this.#configure(config)
    const { status, text } = await askAdmin(this.admin, "/reload", { method: "POST" })
    if (status !== 200) throw new Error(`reload: ${text}`)
  }

  /** Ends it. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#sluice!
    child.kill(signal)
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
  }

  async order(address: string, order: "drain" | "resume"): Promise<void> {
    const { status, text } = await askAdmin(
      this.admin,
      `/clusters/chat/endpoints/${encodeURIComponent(address)}/${order}`,
      { method: "POST" },
    )
    if (status !== 200) throw new Error(`${order}: ${text}`)
  }

  /** A client with a bootstrap as `sluice xds bootstrap` writes it; `providers`: with the certificates that it names. */
  async client(target: string, { tls = false, providers = true } = {}): Promise<XdsClient> {
    const bootstrap = JSON.parse(await this.#bootstrap()) as Record<string, unknown>
    if (!providers) delete bootstrap.certificate_providers
    else if (this.#program.wantsCertificate === true) await this.#addCertificate(bootstrap)
    const path = this.file(`bootstrap-${this.#ends.length}.json`, JSON.stringify(bootstrap))
    const client = new XdsClient(this.#program, `xds:///${target}`, tls ? "xds" : "plain", path)
    this.#ends.push(() => client.stop())
    return client
  }

  async #addCertificate({ certificate_providers: all = {} }: Record<string, unknown>): Promise<void> {
    const { pem, key } = await Certificate.root("CN=client")
    const own = {
      certificate_file: this.file("client.pem", pem),
      private_key_file: this.file("client.key", key),
    }
    for (const provider of Object.values(all as Record<string, { config: object }>))
      Object.assign(provider.config, own)
  }

  async #bootstrap(): Promise<string> {
    const child = spawn(process.execPath, [PROGRAM, "xds", "bootstrap", join(this.#folder, "sluice.yaml")])
    let text = ""
    child.stdout.on("data", (octets: Buffer) => {
      text += octets.toString()
    })
    await once(child, "close")
    return text
  }

  /** Calls until they go to exactly these, each at least once, and none fails. */
  async reaches(
    client: XdsClient,
    backends: readonly string[],
    headers: Record<string, string> = {},
  ): Promise<Calls> {
    const wanted = [...backends].sort().join(" ")
    let last: Calls | null = null
    await this.until(
      `calls go to ${wanted}`,
      async () => {
        last = await client.call({ calls: 10 * backends.length, headers })
        return Object.keys(last.errors).length === 0 && Object.keys(last.by).sort().join(" ") === wanted
      },
      () => JSON.stringify(last),
    )
    return last!
  }

  async until(
    what: string,
    isSo: () => boolean | Promise<boolean>,
    seen: () => string = () => "",
  ): Promise<void> {
    const until = performance.now() + GIVE_UP_MS
    while (!(await isSo())) {
      if (performance.now() > until) throw new Error(`never came: ${what}; last: ${seen()}`)
      await pause(20)
    }
  }

  close(): void {
    for (const end of this.#ends.reverse()) end()
  }
}

const chat = (endpoints: unknown[], more: object = {}): object => ({
  clusters: { chat: { endpoints, ...more } },
})

function expectNoErrors({ errors }: Calls): void {
  if (Object.keys(errors).length > 0) throw new Error(`calls failed: ${JSON.stringify(errors)}`)
}

async function start(bed: Bed): Promise<void> {
  const [a, b] = await bed.backends(2)
  await bed.sluice(chat([a!.address, b!.address]))
  const client = await bed.client("chat")
  const first = await client.call({ calls: 20 })
  expectNoErrors(first)
  await bed.reaches(client, [a!.address, b!.address])
}

async function scale(bed: Bed): Promise<void> {
  const all = (await bed.backends(3)).map(({ address }) => address)
  await bed.sluice(chat(all.slice(0, 2)))
  const client = await bed.client("chat")
  await bed.reaches(client, all.slice(0, 2))
  await bed.reload(chat(all))
  await bed.reaches(client, all)
  await bed.reload(chat(all.slice(1)))
  await bed.reaches(client, all.slice(1))
}

async function drain(bed: Bed): Promise<void> {
  const [a, b] = await bed.backends(2)
  await bed.sluice(chat([a!.address, b!.address]))
  const client = await bed.client("chat")
  await bed.reaches(client, [a!.address, b!.address])
  await bed.order(a!.address, "drain")
  await bed.reaches(client, [b!.address])
  await bed.order(a!.address, "resume")
  await bed.reaches(client, [a!.address, b!.address])
}

async function weights(bed: Bed): Promise<void> {
  const [a, b] = await bed.backends(2)
  await bed.sluice(chat([a!.address, { address: b!.address, weight: 4 }]))
  const client = await bed.client("chat")
  await bed.reaches(client, [a!.address, b!.address])
  const { by, errors } = await client.call({ calls: 1000 })
  expectNoErrors({ by, errors })
  // Clients draw by chance: 800 of 1,000, give or take five standard deviations.
  const heavy = by[b!.address] ?? 0
  if (heavy < 735 || heavy > 865) throw new Error(`weight 4 of 5 got ${heavy} of 1,000`)
}

async function health(bed: Bed): Promise<void> {
  const [a, b] = await bed.backends(2)
  const checks = { type: "grpc", interval: "200ms", timeout: "1s", fails: 1, passes: 1 }
  await bed.sluice(chat([a!.address, b!.address], { healthCheck: checks }))
  const client = await bed.client("chat")
  await bed.reaches(client, [a!.address, b!.address])
  a!.isServing = false
  await bed.reaches(client, [b!.address])
  a!.isServing = true
  await bed.reaches(client, [a!.address, b!.address])
}

async function twoClusters(bed: Bed): Promise<void> {
  const [a, b] = await bed.backends(2)
  await bed.sluice({
    clusters: { one: [a!.address], two: [b!.address] },
    routes: [{ cluster: "one" }],
  })
  const [one, two] = [await bed.client("one"), await bed.client("two")]
  await Promise.all([bed.reaches(one, [a!.address]), bed.reaches(two, [b!.address])])
}

async function headerRoutes(bed: Bed): Promise<void> {
  const [a, b] = await bed.backends(2)
  await bed.sluice({
    clusters: { stable: [a!.address], canary: [b!.address] },
    variables: [{ map: "track", of: "$http_x_track", values: { canary: "canary" }, default: "stable" }],
    servers: [{ names: ["chat.test"], routes: [{ cluster: "$track" }] }],
  })
  const client = await bed.client("chat.test")
  await bed.reaches(client, [a!.address])
  await bed.reaches(client, [b!.address], { "x-track": "canary" })
  await bed.reaches(client, [a!.address], { "x-track": "other" })
}

async function tls(bed: Bed): Promise<void> {
  const { ca, backend } = await tlsBackend(bed)
  await bed.sluice(tlsConfig(backend.address, ca))
  const client = await bed.client("secure.test", { tls: true })
  await bed.reaches(client, [backend.address])
}

async function tlsBackend(bed: Bed): Promise<{ ca: string; backend: WhereBackend }> {
  const root = await Certificate.root("CN=xds")
  const { pem, key } = await root.issue({ names: ["backend.test"] })
  return { ca: bed.file("ca.pem", root.pem), backend: await bed.backend({ cert: pem, key }) }
}

function tlsConfig(address: string, ca: string): object {
  return {
    clusters: { secure: [address] },
    servers: [
      {
        names: ["secure.test"],
        routes: [
          { cluster: "secure", tls: { verify: true, ca, serverName: "backend.test", sendServerName: true } },
        ],
      },
    ],
  }
}

async function goneAndBack(bed: Bed): Promise<void> {
  const [a, b] = (await bed.backends(2)).map(({ address }) => address)
  await bed.sluice(chat([a]))
  const client = await bed.client("chat")
  await bed.reaches(client, [a!])
  await bed.end("SIGKILL")
  expectNoErrors(await client.call({ calls: 50 }))
  await bed.sluice(chat([b]))
  await bed.reaches(client, [b!])
}

async function nack(bed: Bed): Promise<void> {
  const { ca, backend } = await tlsBackend(bed)
  await bed.sluice(tlsConfig(backend.address, ca))
  // It has no provider for the certificates that the cluster wants.
  const client = await bed.client("secure.test", { tls: true, providers: false })
  const refused = client.call({ calls: 1 }).catch(() => null)
  let last = ""
  await bed.until(
    "the client and its words are shown",
    async () => {
      const { text, json } = await askAdmin(bed.admin, "/xds?nacks=true")
      last = text
      const [first] = (
        json as { clients: { subscriptions: { type: string; nack: { message: string } | null }[] }[] }
      ).clients
      return first?.subscriptions.some(({ nack: told }) => told !== null && told.message !== "") === true
    },
    () => last,
  )
  client.stop()
  await refused
}

async function restart(bed: Bed): Promise<void> {
  const [a, b] = (await bed.backends(2)).map(({ address }) => address)
  await bed.sluice(chat([a, b]))
  const client = await bed.client("chat")
  await bed.reaches(client, [a!, b!])
  const during = client.call({ calls: 300 })
  await bed.end("SIGTERM")
  await bed.sluice(chat([b]))
  expectNoErrors(await during)
  await bed.reaches(client, [b!])
}

async function thousand(bed: Bed): Promise<void> {
  const { port } = await bed.backend(null, "0.0.0.0")
  const addresses = Array.from(
    { length: 1000 },
    (_, i) => `127.0.${1 + Math.floor(i / 250)}.${1 + (i % 250)}:${port}`,
  )
  await bed.sluice(chat(addresses))
  const client = await bed.client("chat")
  // A slow machine may need longer than a call has to connect to a thousand.
  await bed.until(
    "a first call passes",
    async () => Object.keys((await client.call({ calls: 1 })).by).length > 0,
  )
  const seen = new Set<string>()
  await bed.until(
    "each of 1,000 endpoints has had a call",
    async () => {
      const { by, errors } = await client.call({ calls: 500 })
      expectNoErrors({ by, errors })
      for (const address of Object.keys(by)) seen.add(address)
      return seen.size === addresses.length
    },
    () => `${seen.size} of them`,
  )
}

const cases: readonly (readonly [name: string, run: (bed: Bed) => Promise<void>])[] = [
  ["start", start],
  ["scale up and down", scale],
  ["drain and resume", drain],
  ["weights", weights],
  ["health", health],
  ["two clusters", twoClusters],
  ["routes by a header", headerRoutes],
  ["TLS to backends", tls],
  ["the server is gone, and back with other endpoints", goneAndBack],
  ["a NACK is shown", nack],
  ["restart of Sluice", restart],
  ["1,000 endpoints", thousand],
]

export const caseNames = cases.map(([name]) => name)

/** Runs one with a client program. Errors: throws what was not so. */
export async function runCase(name: string, program: ClientProgram): Promise<void> {
  const [, run] = cases.find(([each]) => each === name)!
  const bed = await Bed.open(program)
  try {
    await run(bed)
  } finally {
    bed.close()
  }
}

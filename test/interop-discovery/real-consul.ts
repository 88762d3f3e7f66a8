import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Child, freePort, run, start } from "../conformance/child.ts"
import { eventually } from "../support/eventually.ts"
import type { ConsulInstance, ConsulSubject } from "./consul-cases.ts"
import type { Finishing } from "./listening.ts"

/** A Consul agent in development mode: it keeps all in memory and is alone. */
export class RealConsul implements ConsulSubject {
  readonly baseUrl: string
  readonly #program: string
  readonly #port: number
  readonly #directory = mkdtempSync(join(tmpdir(), "consul-"))
  #agent: Child | null = null
  #known = new Set<string>()

  private constructor(program: string, port: number) {
    this.#program = program
    this.#port = port
    this.baseUrl = `http://127.0.0.1:${port}`
  }

  static async start(program: string, t: Finishing): Promise<RealConsul> {
    const consul = new RealConsul(program, await freePort())
    t.onTestFinished(async () => {
      await consul.#agent?.stop()
      rmSync(consul.#directory, { recursive: true, force: true })
    })
    await consul.#run()
    return consul
  }

  static async version(program: string): Promise<string> {
    return /v[\d.]+/.exec((await run(program, ["version"], { timeoutMs: 20_000 })).output)?.[0] ?? "unknown"
  }

  async #run(): Promise<void> {
    const [server, serf] = [await freePort(), await freePort()]
    const config = {
      ports: {
        http: this.#port,
        dns: -1,
        grpc: -1,
        grpc_tls: -1,
        server,
        serf_lan: serf,
        serf_wan: -1,
        https: -1,
      },
      disable_update_check: true,
    }
    const args = ["agent", "-dev", "-bind=127.0.0.1", "-client=127.0.0.1", `-hcl=${JSON.stringify(config)}`]
    this.#agent = start(this.#program, args, { cwd: this.#directory })
    const isUp = async (): Promise<boolean> => {
      const leader = await fetch(`${this.baseUrl}/v1/status/leader`).catch(() => null)
      return leader?.ok === true && (await leader.text()).includes(":")
    }
    await eventually(isUp, () => `Consul answers: ${this.#agent!.output().slice(-400)}`)
  }

  async set(...instances: ConsulInstance[]): Promise<void> {
    const gone = new Set(this.#known)
    for (const { id, address, port, weight = 1, status = "passing", zone } of instances) {
      gone.delete(id)
      this.#known.add(id)
      await this.#put("register", {
        Node: `node-${id}`,
        Address: "10.9.9.9",
        ...(zone !== undefined && { NodeMeta: { zone } }),
        Service: {
          ID: id,
          Service: "chat",
          Address: address,
          Port: port,
          Weights: { Passing: weight, Warning: 1 },
        },
        Check: { CheckID: `check-${id}`, Name: "alive", Status: status, ServiceID: id },
      })
    }
    for (const id of gone) {
      this.#known.delete(id)
      await this.#put("deregister", { Node: `node-${id}` })
    }
  }

  async restart(): Promise<void> {
    await this.#agent!.stop()
    this.#known = new Set()
    await this.#run()
  }

  async #put(what: "register" | "deregister", body: object): Promise<void> {
    const url = `${this.baseUrl}/v1/catalog/${what}`
    const response = await fetch(url, { method: "PUT", body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`${what}: ${await response.text()}`)
  }
}

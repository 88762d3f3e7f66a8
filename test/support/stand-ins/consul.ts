import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { ConsulInstance, ConsulSubject } from "../../interop-discovery/consul-cases.ts"
import type { Finishing } from "../../interop-discovery/listening.ts"

/**
 * A stand-in for Consul, not Consul: the part of `GET /v1/health/service/NAME` that is documented, blocking queries
 * included. `interop:discovery` holds the same cases against a real one where there is one.
 */
export class StandInConsul implements ConsulSubject {
  readonly questions: URL[] = []
  baseUrl = ""
  /** Answers the next questions with this status. */
  failing: { status: number; text: string } | null = null
  #index = 10
  #instances: ConsulInstance[] = []
  #waiting: (() => void)[] = []

  static async start(t: Finishing): Promise<StandInConsul> {
    const consul = new StandInConsul()
    const server = createServer(({ url }, response) => consul.#ask(new URL(url!, "http://consul"), response))
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    consul.baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    t.onTestFinished(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    return consul
  }

  set(...instances: ConsulInstance[]): void {
    this.#instances = instances
    this.#moveTo(this.#index + 1)
  }

  /** As after a restore from a snapshot, or when a service's last instance went. */
  moveIndex(index: number): void {
    this.#moveTo(index)
  }

  restart(): void {
    this.#instances = []
    this.#moveTo(1)
  }

  get waiting(): number {
    return this.#waiting.length
  }

  #moveTo(index: number): void {
    this.#index = index
    for (const answer of this.#waiting.splice(0)) answer()
  }

  #ask(url: URL, response: ServerResponse): void {
    this.questions.push(url)
    const answer = () => this.#answer(url, response)
    const known = Number(url.searchParams.get("index") ?? 0)
    if (this.failing === null && known === this.#index) this.#waiting.push(answer)
    else answer()
  }

  #answer(url: URL, response: ServerResponse): void {
    if (this.failing !== null) {
      response.writeHead(this.failing.status).end(this.failing.text)
      return
    }
    const onlyPassing = url.searchParams.has("passing")
    const body = this.#instances
      .filter(({ status = "passing" }) => !onlyPassing || status === "passing")
      .map(({ id, address, port, weight = 1, status = "passing", zone }) => ({
        Node: { Node: "n", Address: "10.9.9.9", Meta: zone === undefined ? null : { zone } },
        Service: {
          ID: id,
          Service: "chat",
          Address: address,
          Port: port,
          Weights: { Passing: weight, Warning: 1 },
        },
        Checks: [{ CheckID: "c", Status: status }],
      }))
    response.writeHead(200, { "content-type": "application/json", "x-consul-index": String(this.#index) })
    response.end(JSON.stringify(body))
  }
}

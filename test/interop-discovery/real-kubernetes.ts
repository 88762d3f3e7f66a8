import { generateKeyPairSync } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { request } from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { EndpointSlice } from "../../src/control/discovery/kubernetes-source.ts"
import type { JsonClientOptions } from "../../src/net/json-client.ts"
import { type Child, freePort, run, start } from "../conformance/child.ts"
import { eventually } from "../support/eventually.ts"
import type { KubernetesSubject } from "./kubernetes-cases.ts"
import type { Finishing } from "./listening.ts"

const TOKEN = "a-token-of-the-tests"
const SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
/** So many revisions of etcd pass while the API server is away. */
const REVISIONS = 50

/** A kube-apiserver with an etcd of its own, and nothing else of a cluster: EndpointSlices are put there by hand. */
export class RealKubernetes implements KubernetesSubject {
  readonly access: JsonClientOptions
  readonly #program: string
  readonly #directory: string
  readonly #port: number
  readonly #etcdUrl: string
  #etcd: Child | null = null
  #server: Child | null = null

  private constructor(program: string, directory: string, port: number, etcdPort: number) {
    this.#program = program
    this.#directory = directory
    this.#port = port
    this.#etcdUrl = `http://127.0.0.1:${etcdPort}`
    this.access = {
      baseUrl: `https://127.0.0.1:${port}`,
      tls: () => ({ ca: this.ca }),
      headers: () => ({ authorization: `Bearer ${TOKEN}` }),
    }
  }

  get baseUrl(): string {
    return this.access.baseUrl
  }

  /** Of one who may do all. */
  get token(): string {
    return TOKEN
  }

  /** PEM. */
  get ca(): string {
    return readFileSync(join(this.#directory, "apiserver.crt"), "utf8")
  }

  static async start(program: string, etcd: string, t: Finishing): Promise<RealKubernetes> {
    const directory = mkdtempSync(join(tmpdir(), "kubernetes-"))
    const kubernetes = new RealKubernetes(program, directory, await freePort(), await freePort())
    t.onTestFinished(async () => {
      await kubernetes.#server?.stop()
      await kubernetes.#etcd?.stop()
      rmSync(directory, { recursive: true, force: true })
    })
    const peers = `http://127.0.0.1:${await freePort()}`
    const url = kubernetes.#etcdUrl
    kubernetes.#etcd = start(etcd, [
      ...["--data-dir", join(directory, "etcd"), "--listen-client-urls", url, "--advertise-client-urls", url],
      ...["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers],
      ...["--initial-cluster", `default=${peers}`],
    ])
    const { publicKey, privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    })
    writeFileSync(join(directory, "account.pub"), publicKey)
    writeFileSync(join(directory, "account.key"), privateKey)
    writeFileSync(join(directory, "tokens.csv"), `${TOKEN},tests,tests,system:masters\n`)
    await kubernetes.#run()
    return kubernetes
  }

  static async version(program: string): Promise<string> {
    return /v[\d.]+/.exec((await run(program, ["--version"], { timeoutMs: 20_000 })).output)?.[0] ?? "unknown"
  }

  async #run(): Promise<void> {
    const directory = this.#directory
    this.#server = start(this.#program, [
      `--etcd-servers=${this.#etcdUrl}`,
      ...["--bind-address=127.0.0.1", `--secure-port=${this.#port}`, `--cert-dir=${directory}`],
      ...["--authorization-mode=AlwaysAllow", `--token-auth-file=${join(directory, "tokens.csv")}`],
      "--service-account-issuer=https://sluice.test",
      `--service-account-key-file=${join(directory, "account.pub")}`,
      `--service-account-signing-key-file=${join(directory, "account.key")}`,
      ...["--service-cluster-ip-range=10.96.0.0/24", "--endpoint-reconciler-type=none"],
    ])
    const isUp = (): Promise<boolean> => this.#answers("/api/v1/namespaces/default")
    await eventually(isUp, () => `kube-apiserver answers: ${this.#server!.output().slice(-600)}`)
  }

  async put(name: string, slice: EndpointSlice, service = "chat"): Promise<void> {
    const metadata = { name, labels: { "kubernetes.io/service-name": service } }
    const body = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", ...slice, metadata }
    const isThere = await this.#answers(`${SLICES}/${name}`)
    await (isThere ? this.#ask("PUT", `${SLICES}/${name}`, body) : this.#ask("POST", SLICES, body))
  }

  async remove(name: string): Promise<void> {
    await this.#ask("DELETE", `${SLICES}/${name}`)
  }

  async restart(): Promise<void> {
    await this.#server!.stop()
    await this.#run()
  }

  async restartWithoutPast(): Promise<void> {
    await this.#server!.stop()
    let revision = "0"
    for (let i = 0; i < REVISIONS; i++) revision = await this.#askEtcd("put", { key: "eA==", value: "eQ==" })
    await this.#askEtcd("compaction", { revision, physical: true })
    await this.#run()
  }

  /** Resolves with the revision. */
  async #askEtcd(what: "put" | "compaction", body: object): Promise<string> {
    const response = await fetch(`${this.#etcdUrl}/v3/kv/${what}`, {
      method: "POST",
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`etcd, ${what}: ${await response.text()}`)
    return ((await response.json()) as { header: { revision: string } }).header.revision
  }

  async #answers(path: string): Promise<boolean> {
    try {
      await this.#ask("GET", path)
      return true
    } catch {
      return false
    }
  }

  /** Errors: throws where it is not up, and of any status but 2xx. */
  async #ask(method: string, path: string, body?: object): Promise<void> {
    const { ca } = this.access.tls!()
    const text = body === undefined ? "" : JSON.stringify(body)
    const headers = { ...this.access.headers!(), "content-type": "application/json" }
    await new Promise<void>((resolve, reject) => {
      const asked = request(
        { host: "127.0.0.1", port: this.#port, method, path, ca, headers, agent: false },
        (answer) => {
          let said = ""
          answer.setEncoding("utf8").on("data", (chunk: string) => (said += chunk))
          answer.on("end", () => {
            if (answer.statusCode! < 300) resolve()
            else reject(new Error(`${method} ${path}: ${answer.statusCode} ${said}`))
          })
        },
      )
      asked.on("error", reject)
      asked.end(text)
    })
  }
}

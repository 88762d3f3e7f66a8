/** The same keys through real nginx: each must reach the same server. */
import { mkdtempSync, rmSync } from "node:fs"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, onTestFinished, test, vi } from "vitest"
import { isInstalled, startNginx } from "../../../test/support/nginx.ts"
import { atOnce } from "../../base/steps.ts"
import { readNginxConfig } from "../../config/nginx/read.ts"
import { Endpoint } from "../endpoint.ts"
import { makePolicy } from "../policies/make-policy.ts"
import { KetamaRing, nginxHash, nginxIpHash, nginxServers } from "./nginx-hash.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")

interface Server {
  weight: number
  isDown?: boolean
}

const UPSTREAMS: Readonly<Record<string, Server[]>> = {
  even: Array<Server>(4).fill({ weight: 1 }),
  weighted: [{ weight: 1 }, { weight: 5 }, { weight: 2 }],
  "one down": [{ weight: 1 }, { weight: 3, isDown: true }, { weight: 1 }],
}

const KEYS = Array.from({ length: 150 }, (_, index) => `user-${index * 7919}`)
const ADDRESSES = KEYS.map(
  (_, index) => `${10 + (index % 200)}.${(index * 37) % 256}.${(index * 11) % 256}.9`,
)

/** Who answers each request, by number. */
async function ask(
  socketPath: string,
  paths: readonly string[],
  addresses: readonly string[],
): Promise<number[]> {
  const answers: number[] = []
  for (const [index, path] of paths.entries()) {
    const text = await new Promise<string>((resolve, reject) => {
      const headers = { host: "test", "x-real-ip": addresses[index]! }
      request({ socketPath, path, headers }, (response) => {
        let body = ""
        response.on("data", (chunk: Buffer) => (body += chunk.toString()))
        response.on("end", () => resolve(body))
      })
        .on("error", reject)
        .end()
    })
    answers.push(Number(text))
  }
  return answers
}

describe.skipIf(!hasNginx).for(Object.entries(UPSTREAMS))("as nginx, %s", ([, servers]) => {
  test.for(["hash $arg_k", "hash $arg_k consistent", "ip_hash"])("%s", async (method, t) => {
    const directory = mkdtempSync(join(tmpdir(), "nginx-hash-"))
    t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const names = servers.map((_, index) => `unix:${directory}/${index}`)
    const lines = servers.map(
      ({ weight, isDown }, index) => `server ${names[index]} weight=${weight}${isDown ? " down" : ""};`,
    )
    const answering = servers.map(
      (_, index) => `server { listen ${names[index]}; location / { return 200 "${index}"; } }`,
    )
    await startNginx(
      t,
      directory,
      "front",
      `upstream u { ${method}; ${lines.join(" ")} }
      ${answering.join("\n")}
      server {
        listen unix:${directory}/front;
        set_real_ip_from unix:; real_ip_header X-Real-IP;
        location / { proxy_pass http://u; }
      }`,
    )
    const met = await ask(
      join(directory, "front"),
      KEYS.map((key) => `/?k=${key}`),
      ADDRESSES,
    )
    const weights = servers.map(({ weight }) => weight)
    const hashed = nginxServers(weights)
    const isUsable = (index: number) => servers[index]!.isDown !== true
    const ring = atOnce(KetamaRing.make(names, weights))
    const ours = KEYS.map((key, index) => {
      if (method === "ip_hash")
        return nginxIpHash(Uint8Array.from(ADDRESSES[index]!.split("."), Number), hashed, isUsable)
      if (method === "hash $arg_k") return nginxHash(Buffer.from(key), hashed, isUsable)
      return ring.pick(Buffer.from(key), (server) => (isUsable(server) ? server : -1))
    })
    expect(ours).toEqual(met)
    expect(new Set(met).size).toBeGreaterThan(1)
    expect(placesOf(`${method}; ${lines.join(" ")}`, servers.length)).toEqual(met)
  })
})

/** Where the policy of such an `upstream` sends the same keys: from the file to the pick. */
function placesOf(upstream: string, many: number): number[] {
  const text = `upstream u { ${upstream} } server { listen 80; location / { grpc_pass u; } }`
  const files = { read: () => new Uint8Array(), list: () => [] }
  const [cluster] = readNginxConfig(text, "nginx.conf", files).config!.clusters
  const { endpoints: configs, policy } = cluster!
  const endpoints = configs.map((config, slot) => new Endpoint(config, slot))
  const picker = makePolicy(policy).makePicker(endpoints)
  const available = endpoints.filter(({ config }) => !config.down)
  expect(endpoints).toHaveLength(many)
  return KEYS.map((key, index) => {
    const address = String.fromCharCode(...ADDRESSES[index]!.split(".").map(Number))
    const render = (template: string) => (template === "$arg_k" ? key : address)
    const request = { subject: { render }, tried: null, mayWait: false, nowMs: 0 }
    return picker.pick(available, request, () => 0)!.slot
  })
}

test("no key, one server, or none that can be used: round robin chooses", () => {
  const two = nginxServers([1, 1])
  const one = nginxServers([1])
  const key = Buffer.from("key")
  const ring = atOnce(KetamaRing.make(["a:1", "b:1"], [1, 1]))
  expect(nginxHash(Buffer.alloc(0), two, () => true)).toBe(-1)
  expect(nginxHash(key, one, () => true)).toBe(-1)
  expect(nginxHash(key, two, () => false)).toBe(-1)
  expect(nginxIpHash(Uint8Array.of(1, 2, 3, 4), one, () => true)).toBe(-1)
  expect(nginxIpHash(Uint8Array.of(1, 2, 3, 4), two, () => false)).toBe(-1)
  expect(ring.pick(Buffer.alloc(0), (server) => server)).toBe(-1)
  expect(ring.pick(key, () => -1)).toBe(-1)
  expect(atOnce(KetamaRing.make([], [])).pick(key, (server) => server)).toBe(-1)
})

test("IPv4 addresses are hashed without their last octet, IPv6 whole", () => {
  const four = nginxServers([1, 1, 1, 1])
  const of = (...octets: number[]) => nginxIpHash(Uint8Array.from(octets), four, () => true)
  const lasts = new Set(Array.from({ length: 256 }, (_, last) => of(10, 1, 2, last)))
  expect(lasts.size).toBe(1)
  const v6 = Array.from({ length: 16 }, () => 0)
  expect(new Set(Array.from({ length: 256 }, (_, last) => of(...v6.slice(1), last))).size).toBe(4)
})

test("the addresses of one name share its place on the ring", () => {
  const ring = atOnce(KetamaRing.make(["a:1", "b:1", "a:1"], [1, 1, 1]))
  const servers = new Set(Array.from({ length: 500 }, (_, i) => ring.pick(Buffer.from(`k${i}`), (s) => s)))
  expect(servers).toEqual(new Set([0, 1]))
})

test("a ring keeps no room for addresses that make no points", () => {
  const points = 160 * 3
  // What is made on the way, and spent, has the same room.
  const made = vi.spyOn(Buffer, "allocUnsafeSlow")
  onTestFinished(() => made.mockRestore())
  const names = ["a:1", ...Array.from({ length: 1000 }, () => "b:1")]
  atOnce(KetamaRing.make(names, [1, 2, ...Array.from({ length: 999 }, () => 100)]))
  expect(made.mock.calls.map(([octets]) => octets)).toEqual(Array.from({ length: 4 }, () => points * 4))
})

/** One address beside all of its port: the same file and the same clients through nginx and through Sluice. */
import { writeFileSync } from "node:fs"
import { type IncomingMessage, request } from "node:http"
import { request as requestOverTls } from "node:https"
import { join } from "node:path"
import { expect, test } from "vitest"
import { Balancer } from "../../src/balancer/balancer.ts"
import { diskFiles } from "../../src/config/nginx/include.ts"
import { readNginxConfig } from "../../src/config/nginx/read.ts"
import { BesideNginx } from "../support/beside-nginx.ts"
import { Certificate } from "../support/certificates.ts"
import { startControl } from "../support/control-bed.ts"
import { freePort } from "../support/free-port.ts"
import { isInstalled } from "../support/nginx.ts"

// All of 127/8 is this machine on Linux alone.
const hasNginx = process.platform === "linux" && isInstalled("nginx", "-v", "nginx-light")

const CONFIG = `
  server { listen SOCKET; }
  server { listen PORT; server_name all.test; return 200 "all"; }
  server { listen PORT default_server; server_name same.test; return 200 "default of all"; }
  server { listen 127.0.0.2:PORT; server_name two.test; return 200 "two $server_addr"; }
  server { listen 127.0.0.2:PORT; server_name same.test; return 200 "same on two"; }
  server { listen 127.0.0.3:PORT ssl; ssl_certificate server.pem; ssl_certificate_key server.key;
    return 200 "three $scheme"; }`

const ASKED: [address: string, host: string, isTls: boolean][] = [
  ...["127.0.0.1", "127.0.0.2"].flatMap((address) =>
    ["all.test", "two.test", "same.test", "no.test"].map((host): [string, string, boolean] => [
      ...([address, host] as const),
      false,
    ]),
  ),
  ["127.0.0.3", "all.test", true],
]

function ask(address: string, port: number, host: string, isTls: boolean): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const options = { host: address, port, headers: { host }, agent: false as const, rejectUnauthorized: false }
  const onResponse = (response: IncomingMessage): void => {
    let text = ""
    response.on("data", (piece: Buffer) => (text += piece.toString()))
    response.on("end", () => resolve(`${response.statusCode} ${text}`))
  }
  const sent = isTls ? requestOverTls(options, onResponse) : request(options, onResponse)
  sent.on("error", reject).end()
  return promise
}

test.skipIf(!hasNginx)("which server a client gets goes by the address that it came to", async (t) => {
  const beside = new BesideNginx(t)
  const server = await (await Certificate.root("CN=Root")).issue({ names: ["a.test"] })
  writeFileSync(join(beside.directory, "server.pem"), server.pem)
  writeFileSync(join(beside.directory, "server.key"), server.key)
  const [theirs, ours] = [await freePort(), await freePort()]
  await beside.startNginx(t, CONFIG.replaceAll("PORT", String(theirs)))
  await beside.startSluice(CONFIG.replaceAll("PORT", String(ours)))
  const answers = (port: number): Promise<string[]> =>
    Promise.all(ASKED.map(([address, host, isTls]) => ask(address, port, host, isTls)))
  expect(await answers(ours)).toEqual(await answers(theirs))
})

test.skipIf(process.platform !== "linux")("the data threads have one socket for both", async (t) => {
  const port = await freePort()
  const listeners = [`0.0.0.0:${port}`, `127.0.0.2:${port}`]
  const servers = listeners.map((listener) => ({
    listeners: [listener],
    routes: [{ return: { status: 200, text: listener } }],
  }))
  await startControl(t, [], { listeners, clusters: {}, servers })
  expect(await ask("127.0.0.1", port, "a", false)).toBe(`200 ${listeners[0]}`)
  expect(await ask("127.0.0.2", port, "a", false)).toBe(`200 ${listeners[1]}`)
})

test("a reload may add such an address, but not take the socket of all away from it", async (t) => {
  const port = await freePort()
  const configOf = (...listens: string[]) => {
    const text = listens.map((listen, at) => `server { listen ${listen}; return 200 ${at}; }`).join("\n")
    return readNginxConfig(text, "/nginx.conf", diskFiles).config!
  }
  const balancer = new Balancer(configOf(`${port}`))
  t.onTestFinished(() => balancer.close({ graceMs: 0 }))
  await balancer.start()
  const answer = () => ask("127.0.0.1", port, "a", false)
  expect(await answer()).toBe("200 0")
  await balancer.reload(configOf(`${port}`, `127.0.0.1:${port}`))
  expect(await answer()).toBe("200 1")
  expect(balancer.addresses.map((each) => each.port)).toEqual([port, port])
  await expect(balancer.reload(configOf(`127.0.0.1:${port}`))).rejects.toThrow(
    `listener 127.0.0.1:${port} cannot leave the socket of all addresses; restart`,
  )
  expect(await answer()).toBe("200 1")
  await balancer.reload(configOf(`${port}`))
  expect(await answer()).toBe("200 0")
})

import { expect, test } from "vitest"
import { WebSocket } from "ws"
import { startChatServer } from "../../examples/chat/start-chat-server.ts"
import { Balancer } from "../../src/balancer/balancer.ts"
import type { Config } from "../../src/config/model.ts"
import { diskFiles } from "../../src/config/nginx/include.ts"
import { readNginxConfig } from "../../src/config/nginx/read.ts"
import { loadYaml } from "../../src/config/yaml/load.ts"
import { fences, readText } from "../support/markdown.ts"

const page = readText("docs/browsers.md")
const nginx = (text: string): Config => readNginxConfig(text, "nginx.conf", diskFiles).config!

/** What holds where, without how each file names things. */
const routesOf = (config: Config) =>
  config.servers[0]!.routes.map(({ match, settings }) => ({ match, bridge: settings.bridge }))

test("docs/browsers.md says the same in nginx.conf and in sluice.yaml", () => {
  const [conf] = fences(page, "nginx")
  const [yaml] = fences(page, "yaml")
  expect(routesOf(loadYaml(yaml!, "sluice.yaml").config!)).toEqual(
    routesOf(nginx(conf!)).map((route, i) => {
      // In nginx.conf `/ws` stands beside the location of `/`; in sluice.yaml its `bridge` replaces the outer one whole.
      return i === 0 ? route : { ...route, bridge: { ...route.bridge, origins: [] } }
    }),
  )
})

const FOR_BROWSERS =
  /^grpc_(web|connect|websocket|method|path_prefix|allow_origin|descriptor_set|message_max_size|\w+_metadata)$/

test("every directive and key for browsers is in docs/browsers.md", () => {
  const { bridge } = nginx(fences(page, "nginx")[0]!).servers[0]!.fallback
  for (const key of Object.keys(bridge)) expect(page).toContain(`\`${key}`)
  const own = [...readText("docs/nginx.md").matchAll(/^\| `(\w+)` .*Sluice's own: /gm)].map(
    ([, name]) => name!,
  )
  const directives = own.filter((name) => FOR_BROWSERS.test(name))
  expect(directives.length).toBe(Object.keys(bridge).length)
  for (const name of directives) expect(page).toContain(`\`${name} `)
})

test("the article's page holds its conversation on docs/browsers.md's nginx.conf", async (t) => {
  const servers = await Promise.all(
    ["A", "B"].map((name) => startChatServer({ host: "127.0.0.1", port: 0, name, log: () => {} })),
  )
  t.onTestFinished(async () => void (await Promise.all(servers.map((server) => server.shutdown(0)))))
  let text = fences(page, "nginx")[0]!
  for (const [i, { port }] of servers.entries())
    text = text.replace(`127.0.0.1:${3000 + i}`, `127.0.0.1:${port}`)
  const config = nginx(text)
  Object.assign(config.listeners[0]!, { host: "127.0.0.1", port: 0 })
  const balancer = new Balancer(config)
  await balancer.start()
  t.onTestFinished(() => balancer.close({ graceMs: 0 }))

  const socket = new WebSocket(`ws://127.0.0.1:${balancer.addresses[0]!.port}/ws`)
  const heard: unknown[] = []
  socket.on("open", () => socket.send('{"input":"你好"}'))
  socket.on("message", (data) => {
    heard.push(JSON.parse((data as Buffer).toString()))
    if (heard.length === 2) socket.send('{"input":"结束对话"}')
  })
  await new Promise((resolve) => socket.on("close", resolve))
  expect(heard).toEqual([
    { "@headers": { "x-chat-server": expect.stringMatching(/^[AB]$/) as string } },
    { output: "服务端返回: 你好" },
    { output: "收到结束指令" },
    { "@status": { code: 0, message: "OK", details: [] } },
  ])
})

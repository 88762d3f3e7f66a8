import { expect, test } from "vitest"
import { readNginxConfig } from "../../config/nginx/read.ts"
import { maskedConfig } from "./masked-config.ts"

const FILES = { read: () => Buffer.alloc(0), list: () => [], resolve: (_from: string, path: string) => path }

test("secrets of links and bodies are masked; what comes from the request alone is none", () => {
  const { config } = readNginxConfig(
    `http { server { listen 1; set $hashed x;
      location /a { secure_link $arg_h; secure_link_md5 "$uri hunter2"; return 200 "$secure_link"; }
      location /b { secure_link $arg_h; secure_link_md5 $hashed; return 200 "$secure_link"; }
      location /c { secure_link_secret hunter2; return 200 "$secure_link"; }
      location /d { proxy_pass http://127.0.0.1:1; proxy_set_body "key=hunter2&$args"; }
      location /e { proxy_pass http://127.0.0.1:1; proxy_set_body $args; } } }`,
    "/etc/sluice/nginx.conf",
    FILES as never,
  )
  const { variables, servers } = maskedConfig(config!)
  const [a, b, c] = [1, 2, 3].map((at) => variables.find(({ name }) => name === `secure_link_${at}`))
  const masked = (text: string): string => `<masked, ${text.length} octets>`
  expect(a).toMatchObject({ of: "$arg_h", md5: masked("$uri hunter2") })
  expect(b).toMatchObject({ md5: "$hashed" })
  expect(c).toMatchObject({ secret: masked("hunter2") })
  const bodies = servers[0]!.routes.flatMap(({ action }) => (action.kind === "proxy" ? [action.body] : []))
  expect(bodies).toEqual([masked("key=hunter2&$args"), "$args"])
  expect(JSON.stringify({ variables, servers })).not.toContain("hunter2")
})

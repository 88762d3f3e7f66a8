import { join } from "node:path"
import { cwd } from "node:process"
import { expect, test } from "vitest"
import { loadConfig } from "../load.ts"

const LOOK = {
  canRead: () => true,
  isDirectory: () => true,
  writeProblem: () => null,
  canMakeDirectory: () => true,
}
const TEXT = `listeners: 127.0.0.1:1
routes: [{ cluster: a }]
log: { path: sluice.log }
clusters:
  a: { discovery: [{ file: a.yaml }] }
  b: { discovery: [{ file: /run/b.yaml }, { kubernetes: { service: b, kubeconfig: k.yaml } }] }
  c: { discovery: [{ consul: { url: "https://c:1", service: c, ca: ca.pem, tokenFile: token } }] }
`

test("paths of files are of the directory of sluice.yaml", () => {
  const files = { read: () => Buffer.from(TEXT), list: () => [] }
  const { config, problems } = loadConfig("/etc/sluice/sluice.yaml", files, LOOK)
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([])
  expect(config).toMatchObject({
    log: { path: "/etc/sluice/sluice.log" },
    clusters: [
      { discovery: [{ path: "/etc/sluice/a.yaml" }] },
      { discovery: [{ path: "/run/b.yaml" }, { kubeconfig: "/etc/sluice/k.yaml" }] },
      { discovery: [{ url: "https://c:1", caFile: "/etc/sluice/ca.pem", tokenFile: "/etc/sluice/token" }] },
    ],
  })
})

test.each([
  ["sluice.yaml", "users", "users"],
  ["etc/sluice.yaml", "users", "etc/users"],
  ["/etc/sluice.yaml", "users/$http_x_tenant", "/etc/users/$http_x_tenant"],
  ["sluice.yaml", "users/$http_x_tenant", join(cwd(), "users/$http_x_tenant")],
  ["etc/sluice.yaml", "users-$http_x_tenant", join(cwd(), "etc/users-$http_x_tenant")],
  ["etc/sluice.yaml", "/users/$http_x_tenant", "/users/$http_x_tenant"],
  ["etc/sluice.yaml", "$http_x_tenant", "$http_x_tenant"],
])("in %s the password file %s is %s", (file, userFile, expected) => {
  const yaml = `listeners: 127.0.0.1:1
clusters: { a: [127.0.0.1:2] }
routes: [{ cluster: a, access: { basic: { realm: r, userFile: ${userFile} } } }]`
  const conf = `events {} http { server { listen 127.0.0.1:1; auth_basic r; auth_basic_user_file ${userFile};
    location / { grpc_pass 127.0.0.1:2; } } }`
  for (const [name, text] of [
    [file, yaml],
    [file.replace("sluice.yaml", "nginx.conf"), conf],
  ] as const) {
    const { config } = loadConfig(name, { read: () => Buffer.from(text), list: () => [] }, LOOK)
    expect(config!.servers[0]!.routes[0]!.settings.access.basic).toEqual({ realm: "r", userFile: expected })
  }
})

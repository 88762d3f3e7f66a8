import { expect, test } from "vitest"
import { loadYaml } from "../yaml/load.ts"
import { toYaml } from "../yaml/write.ts"
import { readNginxConfig } from "./read.ts"

const NO_FILES = {
  read(): never {
    throw new Error("no such file")
  },
  list: () => [],
}

function read(server: string) {
  const http = "upstream a { server 127.0.0.1:1; } upstream authz { server 127.0.0.1:2; }"
  const text = `events {} http { ${http} server { listen 8080; ${server} } }`
  const { config, problems } = readNginxConfig(text, "nginx.conf", NO_FILES)
  if (config !== null) expect(loadYaml(toYaml(config), "sluice.yaml").config).toEqual(config)
  const { extAuthz, rateService } = config?.servers[0]?.routes[0]?.settings ?? {}
  const errors = problems.filter(({ severity }) => severity === "error")
  return { extAuthz, rateService, problems: errors.map(({ message }) => message) }
}

test("Sluice's words for Envoy's services", () => {
  const { extAuthz, rateService, problems } = read(`
    ext_authz_context outer 1;
    location / {
      ext_authz grpcs://authz timeout=1s fail=open status_on_error=503;
      grpc_ssl_server_name on;
      ext_authz_context route "chat of $host"; ext_authz_context 7 seven;
      rate_limit_service grpc://127.0.0.1:3 domain=chat timeout=50ms fail=closed;
      rate_limit_descriptor user=$http_x_user path=$uri; rate_limit_descriptor client=$remote_addr;
      grpc_pass a;
    }`)
  expect(problems).toEqual([])
  expect(extAuthz).toMatchObject({
    cluster: "authz",
    tls: { serverName: "authz", sendServerName: true },
    timeoutMs: 1000,
    failOpen: true,
    statusOnError: 503,
    context: [
      ["route", "chat of $host"],
      ["7", "seven"],
    ],
  })
  expect(rateService).toEqual({
    cluster: "127.0.0.1:3",
    tls: null,
    timeoutMs: 50,
    failOpen: false,
    domain: "chat",
    descriptors: [
      [
        ["user", "$http_x_user"],
        ["path", "$uri"],
      ],
      [["client", "$remote_addr"]],
    ],
  })
})

test("what holds where little is said, and off", () => {
  expect(read("location / { ext_authz authz; grpc_pass a; }").extAuthz).toEqual({
    cluster: "authz",
    tls: null,
    timeoutMs: 200,
    failOpen: false,
    statusOnError: 403,
    context: [],
  })
  const off = read(
    "ext_authz authz; rate_limit_service authz domain=x; location / { ext_authz off; rate_limit_service off; grpc_pass a; }",
  )
  expect([off.extAuthz, off.rateService]).toEqual([null, null])
})

test.for([
  ["ext_authz nowhere;", 'no port in upstream "nowhere"'],
  ["ext_authz authz timeout=0;", 'invalid parameter "timeout=0"'],
  ["ext_authz authz fail=maybe;", 'invalid parameter "fail=maybe"'],
  ["ext_authz authz status_on_error=200;", 'invalid parameter "status_on_error=200"'],
  ["ext_authz authz; ext_authz_context a $unknown_one;", 'unknown "unknown_one" variable'],
  [
    "rate_limit_service authz; rate_limit_descriptor a=b;",
    '"rate_limit_service" must have "domain" parameter',
  ],
  ["rate_limit_service authz domain=x;", "rate_limit_service counts nothing without a rate_limit_descriptor"],
  ["rate_limit_service authz domain=x; rate_limit_descriptor a;", 'invalid parameter "a"'],
] as const)("%s is an error", ([text, message]) => {
  expect(read(`location / { ${text} grpc_pass a; }`).problems).toContain(message)
})

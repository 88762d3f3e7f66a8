import { expect, test } from "vitest"
import { loadYaml } from "../yaml/load.ts"
import { toYaml } from "../yaml/write.ts"
import { readNginxConfig } from "./read.ts"

const HEAD = `
auth_jwt_claim_set $deep realm_access roles; auth_jwt_header_set $key kid;
upstream a { server 127.0.0.1:1; }`

const NO_FILES = {
  read(): never {
    throw new Error("no such file")
  },
  list: () => [],
}

/** The problems, and the access settings of the one location. */
function read(server: string, http = HEAD) {
  const text = `events {} http { ${http} server { listen 8080; ${server} } }`
  const { config, problems } = readNginxConfig(text, "nginx.conf", NO_FILES)
  if (config !== null) expect(loadYaml(toYaml(config), "sluice.yaml").config).toEqual(config)
  return {
    jwt: config?.servers[0]?.routes[0]?.settings.access.jwt,
    variables: config?.variables,
    problems: problems.filter(({ severity }) => severity === "error").map(({ message }) => message),
  }
}

test("nginx's words and Sluice's own", () => {
  const { jwt, variables, problems } = read(`
    auth_jwt_leeway 5s; auth_jwt_key_file /keys/outer.json;
    location / {
      auth_jwt "closed site $host" token=$cookie_token; auth_jwt_type nested;
      auth_jwt_key_file /keys/a.json; auth_jwt_key_request /keys?of=$host;
      auth_jwt_key_url https://id.test/jwks.json ca=/keys/ca.pem;
      auth_jwt_key_cache 1h; auth_jwt_key_stale 2h; auth_jwt_algorithms ES256 RS256;
      auth_jwt_issuer https://id.test; auth_jwt_audience chat mail;
      auth_jwt_require $deep $jwt_claim_sub error=403; auth_jwt_require $key; auth_jwt_end_streams on;
      grpc_pass a;
    }`)
  expect(problems).toEqual([])
  expect(jwt).toEqual({
    realm: "closed site $host",
    token: "$cookie_token",
    type: "nested",
    keys: [
      { kind: "file", keysFile: "/keys/a.json" },
      { kind: "request", uri: "/keys?of=$host" },
      { kind: "url", url: "https://id.test/jwks.json", caFile: "/keys/ca.pem" },
    ],
    keyCacheMs: 3_600_000,
    keyStaleMs: 7_200_000,
    leewayMs: 5000,
    issuers: ["https://id.test"],
    audiences: ["chat", "mail"],
    algorithms: ["ES256", "RS256"],
    require: [
      { values: ["$deep", "$jwt_claim_sub"], status: 403 },
      { values: ["$key"], status: 401 },
    ],
    endStreams: true,
  })
  expect(variables).toEqual([
    { kind: "token", name: "deep", of: "claim", path: ["realm_access", "roles"] },
    { kind: "token", name: "key", of: "header", path: ["kid"] },
  ])
})

test("off, and what is inherited", () => {
  const outer = "auth_jwt x; auth_jwt_key_file /k.json;"
  expect(read(`${outer} location / { auth_jwt off; grpc_pass a; }`).jwt).toBeNull()
  const { jwt } = read(`${outer} location / { grpc_pass a; }`)
  expect(jwt).toMatchObject({ realm: "x", token: null, keys: [{ kind: "file", keysFile: "/k.json" }] })
})

test.for([
  ["auth_jwt x;", "auth_jwt lets nobody in without keys"],
  ["auth_jwt x token=abc; auth_jwt_key_file k;", 'invalid parameter "token=abc"'],
  ["auth_jwt x; auth_jwt_key_file $host;", "variables in auth_jwt_key_file are not supported"],
  ["auth_jwt x; auth_jwt_key_url ftp://a/b;", 'invalid address "ftp://a/b"'],
  ["auth_jwt x; auth_jwt_key_url https://a/b x;", 'invalid parameter "x"'],
  ["auth_jwt x; auth_jwt_key_file k; auth_jwt_type sign;", 'invalid value "sign"'],
  ["auth_jwt x; auth_jwt_key_file k; auth_jwt_algorithms none;", 'invalid algorithm "none"'],
  ["auth_jwt x; auth_jwt_key_file k; auth_jwt_require a;", '"a" must start with a variable'],
  ["auth_jwt x; auth_jwt_key_file k; auth_jwt_require $deep error=500;", 'invalid parameter "error=500"'],
  ["auth_jwt x; auth_jwt_key_file k; auth_jwt_require $unknown_one;", 'unknown "unknown_one" variable'],
] as const)("%s is an error", ([text, message]) => {
  expect(read(`location / { ${text} grpc_pass a; }`).problems).toContain(message)
})

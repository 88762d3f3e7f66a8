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

function read(limits: string) {
  const text = `events {} http { limit_message_zone $http_x_user zone=users:1m; limit_req_zone $uri zone=r:1m rate=1r/s;
    server { listen 8080; ${limits} location / { grpc_pass grpc://127.0.0.1:1; } } }`
  const { config, problems } = readNginxConfig(text, "nginx.conf", NO_FILES)
  if (config !== null) expect(loadYaml(toYaml(config), "sluice.yaml").config).toEqual(config)
  const errors = problems.filter(({ severity }) => severity === "error")
  return { config, problems: errors.map(({ message }) => message) }
}

test("rates of messages and octets, of each stream and of all of a key", () => {
  const { config, problems } = read(`
    limit_messages rate=20/s burst=40; limit_messages rate=90/m zone=users; limit_message_octets burst=1m rate=64k/s;
    limit_messages from=backend rate=5/s burst=1 zone=users; limit_message_octets rate=1m/s from=backend;
    limit_messages rate=7/s from=client;`)
  expect(problems).toEqual([])
  expect(config!.servers[0]!.routes[0]!.settings.messageLimits).toEqual([
    { from: "client", counts: "messages", rate: 20, burst: 40, zone: null },
    { from: "client", counts: "messages", rate: 1.5, burst: 0, zone: "users" },
    { from: "backend", counts: "messages", rate: 5, burst: 1, zone: "users" },
    { from: "client", counts: "messages", rate: 7, burst: 0, zone: null },
    { from: "client", counts: "octets", rate: 65_536, burst: 1_048_576, zone: null },
    { from: "backend", counts: "octets", rate: 1_048_576, burst: 0, zone: null },
  ])
  expect(config!.zones[1]).toEqual({
    name: "users",
    key: "$http_x_user",
    octets: 1_048_576,
    rate: null,
    ofMessages: true,
  })
})

test("off is none", () => {
  expect(read("limit_messages off;").config!.servers[0]!.routes[0]!.settings.messageLimits).toEqual([])
})

test.for<[directive: string, message: string]>([
  ["limit_messages burst=1;", '"limit_messages" must have "rate" parameter'],
  ["limit_messages rate=0/s;", 'invalid parameter "rate=0/s"'],
  ["limit_messages rate=10;", 'invalid parameter "rate=10"'],
  ["limit_messages rate=10/h;", 'invalid parameter "rate=10/h"'],
  ["limit_messages rate=1k/s;", 'invalid parameter "rate=1k/s"'],
  ["limit_messages rate=1/s zone=other;", 'unknown limit_message_zone "other"'],
  ["limit_messages rate=1/s zone=r;", 'unknown limit_message_zone "r"'],
  ["limit_messages rate=1/s from=server;", 'invalid parameter "from=server"'],
  ["limit_messages rate=1/s from=backend/s;", 'invalid parameter "from=backend/s"'],
  ["limit_messages rate=1/s fast;", 'invalid parameter "fast"'],
  ["limit_req zone=users;", 'unknown limit_req_zone "users"'],
])("%s: %s", ([directive, message]) => {
  expect(read(directive).problems).toContain(message)
})

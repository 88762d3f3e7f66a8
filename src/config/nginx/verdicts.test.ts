import { expect, test } from "vitest"
import { diskFiles } from "./include.ts"
import { readNginxConfig } from "./read.ts"
import { verdictsOf } from "./verdicts.ts"

const FILE = `http { server {
  listen 8080; server_name a.test;
  location / { return 200; }
  location /lua { content_by_lua_block { x() } }
  location /odd { grpc_set_header Connection close; grpc_pass 127.0.0.1:1;
    location /odd/er { js_content a; }
  }
} }`

const read = (text: string, servesWhatRuns = false) =>
  readNginxConfig(text, "nginx.conf", diskFiles, { servesWhatRuns })

test("each server and location has a verdict of its own", () => {
  const { config, blocks, problems } = read(FILE)
  expect(config).toBeNull()
  const verdicts = verdictsOf(blocks, problems)
  expect(blocks.map(({ name, depth, line }, index) => [name, depth, line, verdicts[index]])).toEqual([
    ["server a.test", 0, 1, "runs"],
    ["location /", 1, 3, "runs"],
    ["location /lua", 1, 4, "stops the file"],
    ["location /odd", 1, 5, "runs with differences"],
    ["location /odd/er", 2, 6, "stops the file"],
  ])
})

test("what cannot run answers 501 where that is asked for, and is warned of", () => {
  const { config, problems } = read(FILE, true)
  const [, lua, odd] = config!.servers[0]!.routes
  expect(lua!.action).toMatchObject({ kind: "return", status: 501 })
  expect(odd!.action.kind).toBe("cluster")
  expect(odd!.routes[0]!.action).toMatchObject({ kind: "return", status: 501 })
  expect(problems.filter(({ hint }) => hint?.includes("501")).map(({ severity }) => severity)).toEqual([
    "warning",
    "warning",
  ])
})

test.each([
  ["http { server { listen 8080; lsten 1; location / { js_content a; } } }"],
  ["http { server { listen 8080; location / { return 200; } "],
])("an error elsewhere still stops the file: %s", (text) => {
  expect(read(text, true).config).toBeNull()
})

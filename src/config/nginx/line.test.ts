import { expect, test } from "vitest"
import { readNginxConfig } from "./read.ts"

test("what is included in a map is read as its lines, and told of where it stands", () => {
  const files: Record<string, string> = {
    "/a.map": "one 127.0.0.1:1;\ninclude b.map;\n",
    "/b.map": "# none\ntwo 127.0.0.1:2;\ntwo 127.0.0.1:3;\n",
  }
  const text =
    "events {} http { map $http_x $to { include a.map; } server { listen 80 http2; location / { grpc_pass $to; } } }"
  const read = { read: (path: string) => Buffer.from(files[path]!), list: () => [] }
  const { problems } = readNginxConfig(text, "/nginx.conf", read)
  const errors = problems.filter(({ severity }) => severity === "error")
  expect(errors.map(({ file, line, column, message }) => `${file}:${line}:${column} ${message}`)).toEqual([
    '/b.map:3:1 conflicting parameter "two"',
  ])
})

const noFiles = { read: () => Buffer.alloc(0), list: () => [] }

test("a line of a map that is called as a directive is none", () => {
  const text =
    "events {} http { map $http_x $to { error_log /nowhere/x.log; } server { listen 80; return 200; } }"
  const logOf = (written: string) => readNginxConfig(written, "/nginx.conf", noFiles).config!.log
  expect(logOf(text)).toEqual(logOf(text.replace("error_log", "other")))
})

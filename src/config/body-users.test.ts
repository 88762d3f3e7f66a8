import { expect, test } from "vitest"
import { atOnce } from "../base/steps.ts"
import { bodyUsers } from "./body-users.ts"
import { diskFiles } from "./nginx/include.ts"
import { readNginxConfig } from "./nginx/read.ts"

const BACKEND = "proxy_pass http://127.0.0.1:9;"

/** How many of the file's locations, with what stands in `http` and in the one location. */
function users(http: string, location: string): number {
  const text = `events {} http { ${http} server { listen 127.0.0.1:1; location /a { ${location} } } }`
  const { config, problems } = readNginxConfig(text, "/nginx.conf", diskFiles)
  if (config === null) throw new Error(problems.map(({ message }) => message).join("; "))
  return atOnce(bodyUsers(config)).size
}

test.each<[what: string, http: string, location: string, count: number]>([
  ["no use", "", BACKEND, 0],
  ["a field of the answer", "", `${BACKEND} add_header x "a $request_body";`, 1],
  ["in braces, in capitals", "", `${BACKEND} add_header x "\${REQUEST_BODY}";`, 1],
  ["another variable", "", `${BACKEND} add_header x $request_body_file;`, 0],
  ["a log", "log_format f '$request_body'; access_log /dev/null f;", BACKEND, 1],
  ["a log that is not written", "log_format f '$request_body';", BACKEND, 0],
  ["a map", "map $request_body $kind { default a; }", BACKEND, 1],
  ["what is not gathered", "", `${BACKEND} proxy_request_buffering off; add_header x $request_body;`, 0],
  ["a gRPC backend", "", "grpc_pass 127.0.0.1:9; add_header x $request_body;", 0],
  ["an answer", "", "return 204; add_header x $request_body;", 0],
  ["a location within", "", `location /a/b { ${BACKEND} add_header x $request_body; } return 204;`, 1],
])("%s", (_what, http, location, count) => {
  expect(users(http, location)).toBe(count)
})

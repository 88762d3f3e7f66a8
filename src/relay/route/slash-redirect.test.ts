import { describe, expect, test } from "vitest"
import { RouteBed } from "../../../test/support/route-bed.ts"

const bed = new RouteBed(
  `server { listen 80;
  location /p/ { proxy_pass http://c1; deny all; auth_basic a; auth_basic_user_file users; limit_conn z 1; limit_req r; }
  location /g/ { grpc_pass c1; location /g/in/ { grpc_pass c1; } } location = /e/ { grpc_pass c1; }
  location ^~ /n/ { grpc_pass c1; } location /both/ { grpc_pass c1; } location /both { return 200 "both"; }
  location /also/ { grpc_pass c1; } location = /also { return 200 "also"; }
  location /ret/ { return 200 "ret"; } location "/s p$/" { grpc_pass c1; } location /small/ { client_max_body_size 1; grpc_pass c1; }
  location /re/ { rewrite ^ /never; limit_except GET { deny all; } grpc_pass c1; }
  location ~ ^/x/$ { grpc_pass c1; } location /y { grpc_pass c1; }
  location /files/ { root /x; } location /none/ { client_max_body_size 1; }
  location / { return 200 "root"; } }`.replace("limit_conn z 1; limit_req r; ", ""),
)

describe("a path without the slash of its location", () => {
  test.each([
    ["/p", "301 /p/"],
    ["/p?a=b&c", "301 /p/?a=b&c"],
    ["/g", "301 /g/"],
    ["/g/in", "301 /g/in/"],
    ["/e", "301 /e/"],
    ["/n", "301 /n/"],
    ["/both", "200 both"],
    ["/also", "200 also"],
    ["/ret", "200 root"],
    ["/s%20p$", "301 /s%20p%24/"],
    ["/re", "301 /re/"],
    ["/x", "200 root"],
    ["/y/", "to c1"],
    ["/files", "200 root"],
    ["/none", "200 root"],
    ["/", "200 root"],
  ])("%s: %s", (path, expected) => expect(bed.ask(path)).toBe(expected))

  test("is said to whoever asks, by any method, and with a body that the location takes", () => {
    expect(bed.ask({ path: "/re", method: "POST" })).toBe("301 /re/")
    expect(bed.ask({ path: "/small", contentLength: 2 })).toMatch(/^413/)
    expect(bed.begin("/p").outcome).toMatchObject({ grpcStatus: null, grpcMessage: null, contentType: "" })
  })

  test("is none where the location has no slash at its end", () => {
    expect(new RouteBed("server { listen 80; location /yy { grpc_pass c1; } }").ask("/y")).toBe(
      "404 no_route: no route for /y",
    )
  })

  test("is none where the location is the root", () => {
    expect(new RouteBed("server { listen 80; location / { grpc_pass c1; } }").ask("/")).toBe("to c1")
  })
})

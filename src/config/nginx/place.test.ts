import { describe, expect, test } from "vitest"
import { readNginxConfig } from "./read.ts"

const files = {
  read: () => Buffer.alloc(0),
  list: () => [],
  resolve: (_from: string, path: string) => path,
}

function read(text: string) {
  const { config, problems } = readNginxConfig(text, "/etc/sluice/nginx.conf", files as never)
  return { config, problems: problems.filter(({ severity }) => severity !== "note") }
}

describe("variables that depend on where they are asked", () => {
  test.each([
    ["proxy_pass http://app;", "$proxy_host", "app"],
    ["proxy_pass http://127.0.0.1:8080/x;", "$proxy_host", "127.0.0.1:8080"],
    ["proxy_pass http://127.0.0.1:8080/x;", "$proxy_port", "8080"],
    ["proxy_pass https://app;", "$proxy_host:$proxy_port", "app:443"],
    ["proxy_pass http://unix:/run/x.sock:/y;", "<$proxy_host$proxy_port>", "<localhost>"],
    ["proxy_pass http://$app;", `\${proxy_host}`, `\${app}`],
    ["root /srv/www/;", "$document_root", "/srv/www/"],
    ["root /srv/www/;", "$request_filename", `/srv/www\${uri}`],
    ["root /srv/$host;", "a $REQUEST_FILENAME b", `a /srv/\${host}\${uri} b`],
    ["", "$document_root", "/outer"],
    ["root rel;", `\${document_root}s`, "/etc/sluice/rels"],
    ["root /srv;", "$document_roots", null],
    ["proxy_pass http://127.0.0.1:1;", "$is_args$proxy_host", `\${is_args}127.0.0.1:1`],
    ["root /srv/$host;", `\${document_root}s`, `/srv/\${host}s`],
  ])("%s %s is %s", (inner, text, said) => {
    const { config, problems } = read(`http { upstream app { server 127.0.0.1:1; }
      server { listen 1; root /outer; set $app app; location / { ${inner} add_header x "${text}"; } } }`)
    if (said === null)
      expect(problems.map(({ message }) => message)).toEqual(['unknown "document_roots" variable'])
    else expect(config!.servers[0]!.routes[0]!.settings.addHeaders[0]!.template).toBe(said)
  })

  test("an outer level is read anew at each inner one", () => {
    const { config } = read(`http { proxy_set_header Host $proxy_host; server { listen 1;
      location /a { proxy_pass http://127.0.0.1:1; } location /b { proxy_pass http://127.0.0.1:2; } } }`)
    const hosts = config!.servers[0]!.routes.map(({ settings }) => settings.setHeaders)
    expect(hosts).toEqual([[["host", "127.0.0.1:1"]], [["host", "127.0.0.1:2"]]])
  })

  test("conditions and logs have them too", () => {
    const { config, problems } =
      read(`http { log_format f "$proxy_host $uri"; server { listen 1; access_log /tmp/l f;
      location / { root /srv; if (!-f $request_filename) { proxy_pass http://127.0.0.1:2; } }
      location /p { proxy_pass http://127.0.0.1:3; } } }`)
    expect(problems).toEqual([])
    const [first, second] = config!.servers[0]!.routes
    expect(first!.rewrite[0]).toMatchObject({ test: { operator: "!-f", value: `/srv\${uri}` } })
    expect(first!.settings.accessLogs[0]!.template).toBe(`- \${uri}`)
    expect(second!.settings.accessLogs[0]!.template).toBe(`127.0.0.1:3 \${uri}`)
  })

  test("one that the file sets is the file's", () => {
    const { config } = read(`http { server { listen 1; set $proxy_host x;
      location / { proxy_pass http://127.0.0.1:2; add_header x $proxy_host; } } }`)
    expect(config!.servers[0]!.routes[0]!.settings.addHeaders[0]!.template).toBe(`\${proxy_host}`)
  })

  test("where an alias takes the place of a part, the file's name cannot be said", () => {
    const { problems } = read(
      `http { server { listen 1; location /a/ { alias /b/; add_header x $request_filename; } } }`,
    )
    expect(problems.map(({ message }) => message)).toEqual(['variable "$request_filename" is not supported'])
  })

  test("what is always empty is a warning", () => {
    const { config, problems } = read(`http { server { listen 1; location / { grpc_pass 127.0.0.1:2;
      grpc_set_header x $ssl_curve; } } }`)
    expect(config).not.toBeNull()
    expect(problems.map(({ severity, message }) => [severity, message])).toEqual([
      ["warning", 'variable "$ssl_curve" is always empty here'],
    ])
  })
})

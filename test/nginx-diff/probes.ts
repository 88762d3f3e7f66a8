/** Requests that tell one configuration's behaviour from another's. */
import type { Directive } from "../../src/config/nginx/ast.ts"
import { blockOf, type Listen, type Shape } from "./shape.ts"

export interface Probe {
  readonly listen: Listen
  readonly http: "1.1" | "2"
  readonly host: string
  readonly method: string
  readonly path: string
  readonly headers: readonly (readonly [string, string])[]
  /** Pieces; the client waits for an answer between those of a bidi call. */
  readonly body: readonly Buffer[]
  readonly isGrpc: boolean
  /** HTTP without TLS, whatever the listener speaks. */
  readonly isPlain?: boolean
  /** HTTP/1.1 as it is written: several requests at once, or what no client library sends. `HOST` in it is the host. */
  readonly raw?: string
}

/** A message of gRPC. */
function message(text: string): Buffer {
  const octets = Buffer.from(text)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(octets.length, 1)
  return Buffer.concat([head, octets])
}

const FORM: readonly [string, string] = ["content-type", "application/x-www-form-urlencoded"]
const GRPC: readonly (readonly [string, string])[] = [
  ["content-type", "application/grpc"],
  ["te", "trailers"],
]

/** Paths asked for on one server. */
const PATHS_MAX = 40

export function probesOf(shape: Shape): Probe[] {
  const http = blockOf(shape.directives, "http")
  const conditions = conditionHeaders(http)
  return shape.listens.flatMap((listen) =>
    listen.servers.flatMap((server) => probesOfServer(listen, server, conditions)),
  )
}

function probesOfServer(
  listen: Listen,
  server: Directive,
  conditions: readonly (readonly [string, string])[],
): Probe[] {
  const host = hostOf(server)
  const paths = pathsOf(server.block!).slice(0, PATHS_MAX)
  const versions: ("1.1" | "2")[] = !listen.isHttp2 ? ["1.1"] : listen.isTls ? ["1.1", "2"] : ["2"]
  const make = (http: "1.1" | "2", path: string, more: Partial<Probe>): Probe => ({
    listen,
    http,
    host,
    method: "GET",
    path,
    headers: [],
    body: [],
    isGrpc: false,
    ...more,
  })
  return versions.flatMap((http) => [
    ...paths.flatMap((path) => [
      make(http, path, {}),
      make(http, path, { method: "POST", headers: [FORM], body: [Buffer.from("a=1&b=2")] }),
      make(http, path, { method: "OPTIONS" }),
      make(http, path, { method: "HEAD" }),
      make(http, path, { headers: [["x-stub", "503"]] }),
      make(http, path, { headers: [["x-stub", "close"]] }),
      make(http, path, { headers: [["x-stub", "redirect"]] }),
      make(http, path, { headers: [["x-stub", "cookie"]] }),
      make(http, `${path}?q=1&arg=two%20words`, {
        headers: [
          ["x-forwarded-for", "203.0.113.7"],
          ["user-agent", "probe/1"],
          ["cookie", "a=1; b=2"],
          ["accept-encoding", "gzip"],
        ],
      }),
      ...conditions.map((header) => make(http, path, { headers: [header] })),
      ...(http === "2" ? grpcProbes(make, path, conditions) : []),
    ]),
    make(http, "/%2e%2e/%2e%2e/etc/passwd", {}),
    make(http, "//double//slash/../up", {}),
    ...paths.slice(0, MORE_ON).flatMap((path) => moreProbes(make, http, path)),
    ...(listen.isTls && http === "1.1" ? [make(http, paths[0]!, { isPlain: true })] : []),
    ...(http === "1.1" ? rawProbes(make, paths[0]!) : []),
  ])
}

/** Paths of a server that get these too. */
const MORE_ON = 3

type Make = (http: "1.1" | "2", path: string, more: Partial<Probe>) => Probe

function moreProbes(make: Make, http: "1.1" | "2", path: string): Probe[] {
  const body = [Buffer.from("body")]
  return [
    make(http, path, { method: "PUT", headers: [FORM], body }),
    make(http, path, { method: "DELETE" }),
    make(http, path, { method: "PATCH", headers: [FORM], body }),
    make(http, path, { headers: [["range", "bytes=0-3"]] }),
    make(http, path, { headers: [["range", "bytes=900-"]] }),
    make(http, path, { headers: [["if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT"]] }),
    make(http, path, { headers: [["x-stub", "404"]] }),
    make(http, `${path}?`, {}),
    make(http, `${path}%41%2f`, {}),
    make(http, path, {
      headers: [
        ["origin", "https://page.example"],
        ["referer", "https://page.example/"],
      ],
    }),
  ]
}

/** What two parsers may read in two ways, and what asks more of a connection than one answer. */
function rawProbes(make: Make, path: string): Probe[] {
  const get = `GET ${path} HTTP/1.1\r\nHost: HOST\r\n`
  const post = `POST ${path} HTTP/1.1\r\nHost: HOST\r\nContent-Type: text/plain\r\n`
  const last = `${get}Connection: close\r\n\r\n`
  return [
    `${get}\r\n${last}`,
    `${get}\r\n${get}\r\n${last}`,
    `${post}Content-Length: 4\r\n\r\nbody${last}`,
    `${post}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\nbody\r\n0\r\n\r\n`,
    `${post}Expect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody`,
    `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n`,
    `${post}Content-Length: 4\r\nContent-Length: 5\r\nConnection: close\r\n\r\nbody`,
    `${get}X-A: 1\r\n folded\r\nConnection: close\r\n\r\n`,
    `GET ${path} HTTP/1.1\r\nConnection: close\r\n\r\n`,
    `GET ${path} HTTP/1.0\r\nHost: HOST\r\n\r\n`,
    `GET http://HOST${path} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n`,
    `GET ${path} HTTP/9.9\r\nHost: HOST\r\n\r\n`,
    `TRACE ${path} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n`,
  ].map((raw) => make("1.1", path, { raw, method: raw.split(" ", 1)[0]! }))
}

function grpcProbes(
  make: (http: "1.1" | "2", path: string, more: Partial<Probe>) => Probe,
  path: string,
  conditions: readonly (readonly [string, string])[],
): Probe[] {
  const grpc = (headers: readonly (readonly [string, string])[], body: Buffer[]): Probe =>
    make("2", path, { method: "POST", isGrpc: true, headers: [...GRPC, ...headers], body })
  return [
    grpc([], [message("one")]),
    grpc([], [message("one"), message("two")]),
    grpc([["x-stub", "grpc-error"]], [message("one")]),
    grpc([["x-stub", "503"]], [message("one")]),
    grpc([["x-stub", "close"]], [message("one")]),
    ...conditions
      .filter(([name]) => name !== "content-type")
      .map((header) => grpc([header], [message("one")])),
  ]
}

/** A name that a server answers to. */
export function hostOf(server: Directive): string {
  const names = server.block!.filter(({ name }) => name.text === "server_name").flatMap(({ args }) => args)
  const plain = names.find(({ text }) => /^[a-z0-9][a-z0-9.-]*$/i.test(text))?.text
  if (plain !== undefined) return plain
  const wildcard = names.find(({ text }) => /^\*?\.[a-z0-9.-]+$/i.test(text))?.text
  return wildcard === undefined ? "other.example" : `a${wildcard.replace(/^\*/, "")}`
}

/** For each location one that matches and one that barely does not. */
function pathsOf(block: readonly Directive[]): string[] {
  const paths = new Set<string>(["/"])
  const visit = (directives: readonly Directive[]): void => {
    for (const { name, args, block: inner } of directives) {
      if (name.text !== "location") continue
      const last = args.at(-1)!.text
      const modifier = args.length > 1 ? args[0]!.text : ""
      for (const path of samplePaths(modifier, last)) paths.add(path)
      if (inner !== null) visit(inner)
    }
  }
  visit(block)
  return [...paths]
}

function samplePaths(modifier: string, written: string): string[] {
  const attached = /^(=|\^~|~\*|~)(.*)$/s.exec(written)
  if (modifier === "" && attached !== null) return samplePaths(attached[1]!, attached[2]!)
  if (written.startsWith("@")) return []
  if (modifier === "=") return [written, `${written}x`]
  if (!modifier.startsWith("~")) {
    const within = written.endsWith("/") ? `${written}probe` : `${written}/probe`
    return [written, within, ...(written.length > 1 ? [written.slice(0, -1)] : [])].filter((path) =>
      path.startsWith("/"),
    )
  }
  const sample = sampleOf(written)
  return sample === null ? [] : [sample, `/x${sample}`]
}

/** Some text that a simple regex matches; null: it is not that simple. */
function sampleOf(pattern: string): string | null {
  let text = pattern
    .replace(/^\^/, "")
    .replace(/\$$/, "")
    .replace(/\\([./-])/g, "$1")
  for (let i = 0; i < 10 && /\(/.test(text); i++)
    text = text.replace(/\((?:\?:|\?<\w+>|\?![^)]*\|?)?([^()|]*)(?:\|[^()]*)?\)[?*]?/, "$1")
  text = text
    .replace(/\[\^\/\]\+|\\w\+|\[a-z[^\]]*\]\+|\.\+|\[\^[^\]]*\][+*]/gi, "word")
    .replace(/\\d\+|\[0-9\]\+/g, "42")
    .replace(/\.\*|\\w\*/g, "rest")
    .replace(/\\d|\[0-9\]/g, "4")
    .replace(/[?+*]/g, "")
  const path = text.startsWith("/") ? text : `/${text}`
  return /^[\w./%@:~-]+$/.test(path) ? path : null
}

/** Fields that the file's conditions look at, with values that they compare. */
function conditionHeaders(http: readonly Directive[]): (readonly [string, string])[] {
  const found = new Map<string, readonly [string, string]>()
  const add = (variable: string, value: string): void => {
    const name =
      /^\$http_(\w+)$/.exec(variable)?.[1]?.replaceAll("_", "-") ??
      (variable === "$content_type" ? "content-type" : null)
    if (name === null || name === undefined || name === "upgrade" || name === "connection") return
    if (/^[\x20-\x7e]*$/.test(value) && value.trim() === value) found.set(`${name} ${value}`, [name, value])
  }
  const visit = (directives: readonly Directive[]): void => {
    for (const { name, args, block } of directives) {
      if (name.text === "if") {
        const condition = args
          .map(({ text }) => text)
          .join(" ")
          .replace(/^\(|\)$/g, "")
          .trim()
        const [variable, , ...value] = condition.split(/\s+/)
        add(variable!, "application/other")
        add(
          variable!,
          value
            .join(" ")
            .replace(/^["']|["']$/g, "")
            .replace(/[\^$\\()?*+|]/g, "") || "1",
        )
      }
      if (name.text === "map" && block !== null) {
        add(args[0]!.text, "something")
        for (const entry of block)
          if (
            !["default", "include", "volatile", "hostnames"].includes(entry.name.text) &&
            !entry.name.text.startsWith("~")
          )
            add(args[0]!.text, entry.name.text)
      }
      if (block !== null) visit(block)
    }
  }
  visit(http)
  return [...found.values()].slice(0, 8)
}

/** Where Sluice answers otherwise than nginx and means to: each with a name and a sentence for docs/nginx.md. */
import type { Directive, Word } from "../../src/config/nginx/ast.ts"
import { GrpcStatus, grpcStatusOfHttp, httpStatusOfGrpc } from "../../src/grpc/status.ts"
import { failure, failureKinds } from "../../src/record/failure.ts"
import { statusOnWire } from "../../src/relay/route/error-page.ts"
import { hostOf, type Probe } from "./probes.ts"
import type { Answer } from "./send.ts"
import type { Seen } from "./stub.ts"

export interface Outcome {
  readonly answer: Answer
  readonly seen: readonly Seen[]
}

/** One thing that is not the same. */
export interface Mismatch {
  /** `status`, `body`, `header NAME`, `trailer NAME`, `error`, `seen`, `seen METHOD`, … */
  readonly what: string
  readonly nginx: string
  readonly sluice: string
}

export interface NamedDifference {
  readonly name: string
  readonly sentence: string
  explains(mismatch: Mismatch, probe: Probe, nginx: Outcome, sluice: Outcome): boolean
}

/** Its `content-type` says so, whatever the rest is. */
const saysGrpc = ({ isGrpc, headers }: Probe): boolean =>
  isGrpc || headers.some(([name, value]) => name === "content-type" && value.startsWith("application/grpc"))

/** Each backend that is asked closes the connection. */
const isClosed = ({ headers }: Probe): boolean =>
  headers.some(([name, value]) => name === "x-stub" && value === "close")

const CONNECTION_FIELDS =
  /^(connection|upgrade|keep-alive|proxy-connection|transfer-encoding|content-length)$/i

/** Every directive within. */
function allOf(directives: readonly Directive[]): Directive[] {
  return directives.flatMap((each) => [each, ...allOf(each.block ?? [])])
}

function setsConnectionField(servers: readonly Directive[]): boolean {
  return allOf(servers).some(
    ({ name, args }) =>
      /^(grpc_set_header|add_header)$/.test(name.text) && CONNECTION_FIELDS.test(args[0]!.text),
  )
}

function passes(servers: readonly Directive[]): string[] {
  return allOf(servers).flatMap(({ name, args }) =>
    /^(grpc|proxy)_pass$/.test(name.text) ? [args[0]!.text] : [],
  )
}

function hasTwoProtocols(servers: readonly Directive[]): boolean {
  const named = (pass: string): string[] =>
    allOf(servers).flatMap(({ name, args }) =>
      name.text === pass ? [args[0]!.text.replace(/^\w+:\/\//, "").replace(/[/$].*/, "")] : [],
    )
  const grpc = new Set(named("grpc_pass"))
  return named("proxy_pass").some((upstream) => grpc.has(upstream))
}

const isNoHost = ([name, value]: readonly Word[]): boolean =>
  /^host$/i.test(name!.text) && /[\\/?#@\s]/.test(value!.text)

/** What no backend said, and is not gRPC's. */
const isPage = ({ answer, seen }: Outcome, probe: Probe): boolean =>
  (seen.length === 0 || isClosed(probe)) &&
  !answer.headers.some(([, value]) => value.startsWith("application/grpc"))

/** What stands in the head, or behind the body. */
const grpcStatusOf = ({ answer }: Outcome): string | null =>
  [...answer.headers, ...answer.trailers].find(([name]) => name === "grpc-status")?.[1] ?? null

/** What a gRPC client may be told of an HTTP status: the protocol's, that of one of its causes, or what it is written for. */
function isGrpcStatusOf(status: number, grpcStatus: number): boolean {
  const causes = failureKinds.map((kind) => failure(kind, ""))
  const isCause = causes.some(
    (each) => statusOnWire(each.httpStatus) === status && each.grpcStatus === grpcStatus,
  )
  return isCause || grpcStatusOfHttp(status) === grpcStatus || httpStatusOfGrpc(grpcStatus) === status
}

/** What the file says, the status of the error, or where a page of another status stands for errors, that of one. */
function saysTheSame(probe: Probe, nginx: Outcome, grpcStatus: string): boolean {
  const written = grpcStatusOf(nginx)
  if (written !== null) return written === grpcStatus
  const { status } = nginx.answer
  if (status >= 300 && isGrpcStatusOf(status, Number(grpcStatus))) return true
  const stands = (texts: string[]): boolean =>
    status < 400 || texts.includes("=") || texts.includes(`=${status}`)
  const pages = allOf(serversOf(probe)).filter(
    ({ name, args }) => name.text === "error_page" && stands(args.map(({ text }) => text)),
  )
  const errors = pages.flatMap(({ args }) => args.map(({ text }) => Number(text)).filter((code) => code > 0))
  return (
    (grpcStatus === "0" && status < 300) || errors.some((error) => isGrpcStatusOf(error, Number(grpcStatus)))
  )
}

/** Those of the probe's host; all, where none says so. */
function serversOf({ listen: { servers }, host }: Probe): readonly Directive[] {
  const named = servers.filter((server) => hostOf(server) === host)
  return named.length > 0 ? named : servers
}

/** Bodies are the same, but that each names the backend that was asked last. */
function isOfLastTry(what: string, nginx: Outcome, sluice: Outcome): boolean {
  const [one, other] = [nginx, sluice].map(({ seen }) => JSON.stringify(seen.at(-1)?.backend ?? ""))
  return what === "body" && nginx.answer.body.replace(one!, other!) === sluice.answer.body
}

const ifsOf = (block: readonly Directive[]): Directive[] => block.filter(({ name }) => name.text === "if")

/** An `if` of it has a `grpc_pass` or `proxy_pass`. */
const passingIf = (block: readonly Directive[]): boolean =>
  ifsOf(block).some((each) => passes(each.block ?? []).length > 0)

/** What compressing changes in an answer. */
const OF_GZIP = /^(body|header (content-encoding|vary|content-length|etag|accept-ranges))$/

const saysOn = (servers: readonly Directive[], directive: string): boolean =>
  allOf(servers).some(({ name, args }) => name.text === directive && args[0]?.text === "on")

/** The one request that nginx's backends saw is a copy. */
function isMirrored(servers: readonly Directive[], nginx: Outcome, sluice: Outcome): boolean {
  const [one, other] = [nginx.seen[0], sluice.seen[0]]
  const paths = allOf(servers).flatMap(({ name, args }) => (name.text === "mirror" ? [args[0]!.text] : []))
  return one !== undefined && (one.backend !== other?.backend || paths.includes(one.path))
}

const isGzip = ({ answer }: Outcome): boolean =>
  answer.headers.some(([name, value]) => name === "content-encoding" && value === "gzip")

export const keptConnection: NamedDifference = {
  name: "kept connection",
  sentence:
    "Connections to backends are kept, `keepalive` or not. Of those to HTTP/1.1 backends one that is closed under a request that may be repeated is replaced once, of those to HTTP/2 backends none.",
  explains: ({ what, nginx, sluice }, probe) =>
    // A variable of the backend then tells of two tries.
    (what === "seen"
      ? Math.abs(Number(nginx) - Number(sluice)) === 1
      : what.startsWith("header ") && sluice === `${nginx}, ${nginx}`) && isClosed(probe),
}

export const differences: readonly NamedDifference[] = [
  {
    name: "gRPC status",
    sentence:
      "A gRPC client is told an error of the proxy as a `grpc-status`, as its protocol asks; nginx sends a bare HTTP status.",
    explains: (_mismatch, probe, nginx, sluice) =>
      saysGrpc(probe) &&
      (nginx.answer.status >= 300 || nginx.answer.status === 204 || isPage(nginx, probe)) &&
      sluice.answer.status === 200 &&
      sluice.answer.headers.some(
        ([name, value]) => name === "grpc-status" && saysTheSame(probe, nginx, value),
      ),
  },
  {
    name: "HTTP/1.1 upstream",
    sentence:
      "HTTP/1.1 backends are spoken to in HTTP/1.1 on connections that are kept: `Connection` says so, whatever the file says, and `Upgrade` is sent where the client has asked for it.",
    explains: ({ what, sluice }, { headers }) =>
      what === "seen connection" ||
      (what === "seen upgrade" && sluice === "(none)" && !headers.some(([name]) => name === "upgrade")),
  },
  keptConnection,
  {
    name: "connection fields",
    sentence:
      "A `grpc_set_header` or `add_header` of a field that says how a message is framed, such as `Connection` or `Content-Length`, breaks nginx's calls or answers; here it is not sent.",
    explains: ({ what }, { listen }, nginx, sluice) =>
      sluice.answer.status > 0 &&
      (nginx.answer.status === 0 ||
        nginx.answer.error !== "" ||
        (nginx.answer.status === 502 && nginx.seen.length === 0) ||
        what === "header content-length") &&
      setsConnectionField(listen.servers),
  },
  {
    name: "one upstream, two protocols",
    sentence:
      "Of an `upstream` with `keepalive` that `grpc_pass` and `proxy_pass` both name, nginx may use a connection of the one for the other; here each has its own.",
    explains: (_mismatch, { listen, raw }, nginx, sluice) =>
      // Of several requests at once only one may have been lost.
      (raw === undefined
        ? nginx.answer.status === 0 && nginx.seen.length === 0 && sluice.seen.length > 0
        : nginx.seen.length < sluice.seen.length) && hasTwoProtocols(listen.servers),
  },
  {
    name: "further tries",
    sentence:
      "A call is tried elsewhere as `grpc_next_upstream` says as long as what its client has sent is held; nginx does so only if it was whole before a server was asked.",
    explains: ({ what }, probe, nginx, sluice) =>
      saysGrpc(probe) &&
      nginx.seen.length === 1 &&
      sluice.seen.length > 1 &&
      (what.startsWith("seen") || isOfLastTry(what, nginx, sluice)) &&
      allOf(serversOf(probe)).some(
        ({ name, args }) =>
          name.text === "grpc_next_upstream" && args.some(({ text }) => text === "non_idempotent"),
      ),
  },
  {
    name: "names in variables",
    sentence:
      "Names of hosts that variables come to are asked of the system, its hosts file included, whatever `resolver` says.",
    explains: (_mismatch, { listen }, nginx, sluice) =>
      nginx.answer.status === 502 &&
      nginx.seen.length === 0 &&
      sluice.answer.status > 0 &&
      passes(listen.servers).some((target) => target.includes("$")),
  },
  {
    name: "type of a text",
    sentence:
      "The type of a `return` is `default_type`, and by its extension only where the location is exact; nginx looks at the extension of every path.",
    explains: ({ what }, { listen }) =>
      what === "header content-type" &&
      allOf(listen.servers).some(({ name, args }) => name.text === "return" && args.length > 1),
  },
  {
    name: "gzip",
    sentence: "Nothing is compressed on its way: `gzip` has no effect.",
    explains: ({ what, nginx: theirs, sluice: ours }, { listen }, nginx, sluice) =>
      (isGzip(nginx) && !isGzip(sluice) && OF_GZIP.test(what)) ||
      (what === "header vary" &&
        theirs === "Accept-Encoding" &&
        ours === "(none)" &&
        saysOn(listen.servers, "gzip_vary")),
  },
  {
    name: "host that is none",
    sentence:
      "Where a `grpc_set_header Host` comes to what is no host, the client's is sent; nginx sends it, and HTTP/2 backends refuse that.",
    explains: (_mismatch, { listen }, nginx, sluice) =>
      nginx.answer.status === 502 &&
      nginx.seen.length === 0 &&
      sluice.seen.length === 1 &&
      allOf(listen.servers).some(({ name, args }) => name.text === "grpc_set_header" && isNoHost(args)),
  },
  {
    name: "HTTP/2 to a port with TLS",
    sentence:
      "HTTP/2 without TLS on a port with it is told so in HTTP/2; nginx says it in HTTP/1.1, which to a `grpc_pass` is no answer.",
    explains: (_mismatch, _probe, nginx, sluice) =>
      nginx.answer.status === 502 &&
      nginx.seen.length === 0 &&
      (sluice.answer.status === 400
        ? /plain HTTP request|^[\d ]*$/.test(sluice.answer.body)
        : sluice.answer.headers.some(
            ([name, value]) => name === "grpc-message" && /plain HTTP request/.test(value),
          ) && grpcStatusOf(sluice) === String(grpcStatusOfHttp(400))),
  },
  {
    name: "white space at an end",
    sentence:
      "A value that comes to begin or end in white space is sent without it; nginx sends it as it is, which HTTP/2 forbids, and its receiver drops the field.",
    explains: ({ what, nginx, sluice }, probe) => {
      const name = /^(?:seen|header) (.+)$/.exec(what)?.[1]
      const sets = /^(add_header|grpc_set_header)$/
      const endsInVariable = /^\$\w+\s|\s\$\w+$/
      return (
        name !== undefined &&
        nginx === "(none)" &&
        sluice !== "(none)" &&
        allOf(serversOf(probe)).some(
          (each) =>
            sets.test(each.name.text) &&
            each.args[0]!.text.toLowerCase() === name &&
            endsInVariable.test(each.args[1]!.text),
        )
      )
    },
  },
  {
    name: "length of a stream",
    sentence:
      "`$content_length` of a request that does not say it is empty, since a stream is passed on as it comes; nginx has all of it by then.",
    explains: ({ what, nginx, sluice }, probe) =>
      what.startsWith("seen ") &&
      probe.http === "2" &&
      probe.body.length > 0 &&
      nginx.replace(/\d+$/, "") === sluice &&
      allOf(serversOf(probe)).some(({ args }) => args.some(({ text }) => text.includes("$content_length"))),
  },
  {
    name: "length of a request",
    sentence:
      "`$request_length` over HTTP/2 counts fields as they are read; nginx counts them as they came, compressed.",
    explains: ({ what, nginx, sluice }, probe) =>
      probe.http === "2" &&
      (what === "header content-length" || nginx.replace(/\d+/g, "") === sluice.replace(/\d+/g, "")) &&
      allOf(serversOf(probe)).some(({ args }) => args.some(({ text }) => text.includes("$request_length"))),
  },
  {
    name: "dollar sign",
    sentence: "In the redirect to a location whose name has a `$`, that is written `%24`.",
    explains: ({ what, nginx, sluice }) =>
      what === "header location" && nginx.includes("$") && nginx.replaceAll("$", "%24") === sluice,
  },
  {
    name: "if behind if",
    sentence:
      "Of several `if`s that hold, the last decides who is asked, with the location's `grpc_pass` or `proxy_pass` where it has none; nginx then keeps the protocol of one before, whose address it has no more, and answers 500.",
    explains: (_mismatch, probe, nginx, sluice) =>
      nginx.answer.status === 500 &&
      nginx.seen.length === 0 &&
      sluice.answer.status !== 500 &&
      allOf(serversOf(probe)).some(
        ({ name, block }) =>
          name.text === "location" && passingIf(block ?? []) && ifsOf(block ?? []).length > 1,
      ),
  },
  {
    name: "satisfy any",
    sentence:
      "Under `satisfy any` a failing authorization server is a 500 with its `error_page`; nginx, where a `deny` came before, answers that page's request 403.",
    explains: (_mismatch, probe, nginx, sluice) =>
      nginx.answer.status === 403 &&
      (sluice.answer.status === 500 || grpcStatusOf(sluice) === String(GrpcStatus.UNAVAILABLE)) &&
      allOf(serversOf(probe)).some(({ name, args }) => name.text === "satisfy" && args[0]!.text === "any"),
  },
  {
    name: "slashes",
    sentence:
      "Locations and variables see one `/` in place of several, whatever `merge_slashes` says; it is warned of.",
    explains: (_mismatch, probe) =>
      probe.path.includes("//") &&
      allOf(serversOf(probe)).some(
        ({ name, args }) => name.text === "merge_slashes" && args[0]!.text === "off",
      ),
  },
  {
    name: "deadline that is none",
    sentence: "A `grpc-timeout` that gRPC does not know is answered INVALID_ARGUMENT; nginx passes it on.",
    explains: (_mismatch, probe, _nginx, sluice) =>
      grpcStatusOf(sluice) === String(GrpcStatus.INVALID_ARGUMENT) &&
      sluice.seen.length === 0 &&
      probe.headers.some(([name, value]) => name === "grpc-timeout" && !/^\d{1,8}[HMSmun]$/.test(value)),
  },
  {
    name: "cache",
    sentence:
      "Nothing is cached: `proxy_cache` has no effect, and what is asked of backends is what clients ask, HEAD and ranges too.",
    explains: ({ what }, probe) =>
      /^(seen (method|range|if-.*)|header (content-range|content-length|accept-ranges)|status|body)$/.test(
        what,
      ) &&
      (probe.method === "HEAD" || probe.headers.some(([name]) => /^(range|if-)/.test(name))) &&
      allOf(serversOf(probe)).some(
        ({ name, args }) => name.text === "proxy_cache" && args[0]!.text !== "off",
      ),
  },
  {
    name: "mirror",
    sentence: "No request is sent twice: `mirror` is left out, with a warning.",
    explains: ({ what }, { listen }, nginx, sluice) =>
      (what === "seen"
        ? nginx.seen.length > sluice.seen.length
        : what.startsWith("seen ") && isMirrored(listen.servers, nginx, sluice)) &&
      allOf(listen.servers).some(({ name, args }) => name.text === "mirror" && args[0]!.text !== "off"),
  },
  {
    name: "fields of 416",
    sentence:
      "`add_header` holds for a range that cannot be satisfied as for any other error; nginx adds to it as to an answer too, `always` twice.",
    explains: ({ what }, _probe, nginx) => nginx.answer.status === 416 && what.startsWith("header "),
  },
  {
    name: "stub_status",
    sentence: "`stub_status` has no effect: the figures are those of the admin API.",
    explains: (_mismatch, { path, listen }) =>
      allOf(listen.servers).some(
        ({ name, args, block }) =>
          name.text === "location" &&
          path.startsWith(args.at(-1)!.text) &&
          block?.some((inner) => inner.name.text === "stub_status") === true,
      ),
  },
  {
    name: "length of no body",
    sentence: "To HEAD, the page of an error that a backend answered with says how long it is; nginx says 0.",
    explains: ({ what, nginx }, { method }) =>
      method === "HEAD" && what === "header content-length" && nginx === "0",
  },
  {
    name: "authority",
    sentence: "`grpc_set_header Host` sets `:authority`; nginx sends a `host` field and no `:authority`.",
    explains: ({ what, nginx: theirs }, _probe, nginx) =>
      // The backend's redirect repeats what it was sent.
      (/^seen (:authority|host)$/.test(what) ||
        (what === "header location" && theirs.startsWith("http://undefined/"))) &&
      nginx.seen[0]?.headers.some(([name, value]) => name === ":authority" && value === "undefined") === true,
  },
]

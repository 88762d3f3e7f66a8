import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Certificate } from "../support/certificates.ts"
import { freePort, installed, listening, run, start } from "./child.ts"
import { type Balancer, type Through, Unavailable } from "./result.ts"

export interface Route {
  /** Prefix of `:path`. */
  path: string
  /** Port of 127.0.0.1 where the backend speaks HTTP/2 without TLS. */
  port: number
}

export interface FrontOptions {
  /** Directives for each location beside `grpc_pass`, for instance `grpc_web on;`. Read by nginx.conf readers alone. */
  locationDirectives?: string[]
  /** The port speaks TLS, with a certificate of its own. */
  hasTls?: boolean
  /** No backend is left out for failing: each is reached by the calls that go to it, and by nothing else. */
  neverEjects?: boolean
}

/** A balancer that runs, or nothing at all in the case of `none`. */
export interface Front {
  /** Where to call for a path. */
  portFor: (path: string) => number
  stop: () => Promise<void>
}

const sluiceCommand = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

/** Starts `through` with the given routes and waits until it listens on a port of its own. */
export async function startFront(
  through: Through,
  routes: Route[],
  options: FrontOptions = {},
): Promise<Front> {
  if (through === "none") {
    if (options.hasTls === true) throw new Unavailable("the suite's own backend speaks no TLS")
    return {
      portFor: (path) => longestMatch(routes, path).port,
      stop: async () => {},
    }
  }
  await requireInstalled(through)
  const port = await freePort()
  const directory = await mkdtemp(join(tmpdir(), "sluice-conformance-"))
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    const tls = options.hasTls === true ? await writeTlsFiles(directory) : null
    const child = await startBalancer(through, { port, routes, directory, options, tls })
    await listening(port, child, through)
    return {
      portFor: () => port,
      async stop() {
        await child.stop()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** The balancer's version as it tells it itself; undefined when it is not installed or is this checkout. */
export async function versionOf(balancer: Balancer): Promise<string | undefined> {
  if (balancer === "sluice") return undefined
  const { code, output } = await run(balancer, [versionFlag(balancer)], { timeoutMs: 20_000 })
  return code === 0 ? output.match(/\d+\.\d+\.\d+/)?.[0] : undefined
}

/** Paths of a certificate and its key, and of both in one file. */
interface TlsFiles {
  certificate: string
  key: string
  both: string
}

async function writeTlsFiles(directory: string): Promise<TlsFiles> {
  const { pem, key } = await Certificate.root("CN=localhost", { names: ["localhost"], isAuthority: false })
  const files = {
    certificate: join(directory, "tls.crt"),
    key: join(directory, "tls.key"),
    both: join(directory, "tls.pem"),
  }
  await writeFile(files.certificate, pem)
  await writeFile(files.key, key)
  await writeFile(files.both, `${pem}\n${key}`)
  return files
}

/** The nginx.conf that Sluice and nginx both run. */
function nginxConf({ port, routes, tls, options }: Setup, isSluice: boolean): string {
  const locationDirectives = isSluice ? (options.locationDirectives ?? []) : []
  const listen = `    listen 127.0.0.1:${port}${tls === null ? "" : " ssl"} http2;`
  const certificate =
    tls === null ? [] : [`    ssl_certificate ${tls.certificate};`, `    ssl_certificate_key ${tls.key};`]
  const locations = routes.map((route) =>
    [
      `    location ${route.path} {`,
      ...locationDirectives.map((directive) => `        ${directive}`),
      `        grpc_pass grpc://${options.neverEjects === true ? "case-" : "127.0.0.1:"}${route.port};`,
      "    }",
    ].join("\n"),
  )
  const upstreams =
    options.neverEjects === true
      ? routes.map(({ port: at }) => `upstream case-${at} { server 127.0.0.1:${at} max_fails=0; }`)
      : []
  const server = ["server {", listen, ...certificate, "    access_log off;", ...locations, "}", ""]
  return [...upstreams, ...server].join("\n")
}

interface Setup {
  port: number
  routes: Route[]
  directory: string
  options: FrontOptions
  tls: TlsFiles | null
}

async function startBalancer(through: Balancer, setup: Setup) {
  const { port, routes, directory, tls } = setup
  const file = join(directory, "balancer.conf")
  switch (through) {
    case "sluice":
      await writeFile(file, nginxConf(setup, true))
      return start(process.execPath, [sluiceCommand, "run", file])
    case "nginx": {
      await writeFile(file, nginxConf(setup, false))
      const main = join(directory, "nginx.conf")
      await writeFile(main, nginxMain(directory, file))
      return start("nginx", ["-p", directory, "-e", "stderr", "-c", main])
    }
    case "haproxy":
      await writeFile(file, haproxyConf(setup))
      return start("haproxy", ["-db", "-f", file])
    case "nghttpx":
      await writeFile(file, "")
      return start("nghttpx", [
        `--conf=${file}`,
        `--frontend=127.0.0.1,${port}${tls === null ? ";no-tls" : ""}`,
        ...routes.map((route) => `--backend=127.0.0.1,${route.port};${route.path};proto=h2`),
        // It wants a catch-all and refuses to start without one.
        ...(routes.some((route) => route.path === "/") ? [] : ["--backend=127.0.0.1,1"]),
        ...(tls === null ? [] : [tls.key, tls.certificate]),
      ])
  }
}

/** What nginx needs around the shared file to run as an ordinary program out of one directory. */
function nginxMain(directory: string, include: string): string {
  const temporaryPaths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `    ${name}_temp_path ${directory}/${name};`)
    .join("\n")
  return `daemon off;
master_process off;
error_log stderr;
pid ${directory}/nginx.pid;
events {}
http {
    access_log off;
${temporaryPaths}
    include ${include};
}
`
}

function haproxyConf({ port, routes, tls }: Setup): string {
  const uses = routes.map((route, index) => `    use_backend b${index} if { path_beg ${route.path} }`)
  const backends = routes.map(
    (route, index) => `backend b${index}\n    server s 127.0.0.1:${route.port} proto h2`,
  )
  return `defaults
    mode http
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend front
    bind 127.0.0.1:${port} ${tls === null ? "proto h2" : `ssl crt ${tls.both} alpn h2`}
${uses.join("\n")}
${backends.join("\n")}
`
}

async function requireInstalled(balancer: Balancer): Promise<void> {
  if (balancer === "sluice" || (await installed(balancer, [versionFlag(balancer)]))) return
  const packages = { nginx: "nginx-light", haproxy: "haproxy", nghttpx: "nghttp2-proxy" }
  throw new Unavailable(`${balancer} is not installed; Debian has it as ${packages[balancer]}`)
}

function versionFlag(balancer: Balancer): string {
  return balancer === "nghttpx" ? "--version" : "-v"
}

function longestMatch(routes: Route[], path: string): Route {
  const matching = routes.filter((route) => path.startsWith(route.path))
  const longest = matching.sort((a, b) => b.path.length - a.path.length)[0]
  if (longest === undefined) throw new Error(`no route for ${path}`)
  return longest
}

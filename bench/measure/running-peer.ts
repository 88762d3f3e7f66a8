import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeCertificate } from "../load/certificate.ts"
import type { WorkloadSpec } from "../load/workload.ts"
import type { Peer } from "../peers/peer.ts"
import { fillTemplate, readTemplate, type TemplateValues } from "../peers/template.ts"
import { Child, type Cores } from "./child.ts"
import { ownTimesSoFar, type TimesSoFar } from "./own-times.ts"
import { processTree } from "./process-usage.ts"

const PATIENCE_MS = 60_000
const POLL_MS = 20

export type PeerNeeds = Omit<TemplateValues, "port" | "directory" | "accessLog" | "threads" | "continuity">

/** HAProxy's and nginx's usual size, unless the messages would not fit. */
const USUAL_BUFFER_OCTETS = 16_384

/** What the configuration of any peer must allow for this work. */
export function needsOf(spec: WorkloadSpec, backends: readonly number[]): PeerNeeds {
  const { connections, streams, octets } = spec
  return {
    backends,
    tls: spec.tls === true,
    streams: Math.max(1000, streams + 100),
    connections: connections + 2000,
    sockets: 2 * connections * streams + 4000,
    bufferOctets: 2 * octets > USUAL_BUFFER_OCTETS ? 4 * USUAL_BUFFER_OCTETS : USUAL_BUFFER_OCTETS,
  }
}

/** A started peer: where it listens and which processes it has. */
export interface RunningPeer {
  peer: Peer
  port: number
  /** All its processes; empty for `none`. */
  pids: readonly number[]
  /** How long messages have been in it so far; null where it does not tell. */
  ownTimesSoFar(): Promise<TimesSoFar | null>
  /** The end of what it printed. */
  lastWords(): string
  stop(): Promise<void>
}

/** Writes the peer's configuration, starts it on the proxy's core and waits until it listens. */
export async function startPeer(peer: Peer, needs: PeerNeeds, cores: Cores | null): Promise<RunningPeer> {
  if (peer.template === null)
    return {
      peer,
      port: needs.backends[0]!,
      pids: [],
      ownTimesSoFar: async () => null,
      lastWords: () => "",
      stop: async () => {},
    }
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), `sluice-bench-${peer.name}-`))
  // nginx's worker gives up root, and then still has to reach its own files.
  chmodSync(directory, 0o755)
  if (needs.tls) await writeCertificate(directory)
  const threads = peer.threads ?? 1
  const accessLog = peer.accessLog === true ? join(directory, "access.log") : "off"
  const continuity = peer.continuity ?? ""
  for (const name of [peer.template, ...(peer.more ?? [])])
    writeFileSync(
      join(directory, name),
      fillTemplate(readTemplate(name), { ...needs, port, directory, accessLog, threads, continuity }),
    )
  const configuration = join(directory, peer.template)
  const child = new Child(peer.command(configuration), cores?.proxy, false, {
    // Sluice's admin socket is then there.
    RUNTIME_DIRECTORY: directory,
  })
  const stop = async () => {
    await child.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await untilListening(child, port)
  } catch (error) {
    await stop()
    throw error
  }
  const admin = join(directory, `admin-${child.pid}.sock`)
  return {
    peer,
    port,
    pids: processTree(child.pid),
    ownTimesSoFar: async () => (peer.kind === "sluice" ? ownTimesSoFar(admin) : null),
    lastWords: () => child.lastWords,
    stop,
  }
}

/** Chain and key in files of their own, and in one, as HAProxy wants them. */
async function writeCertificate(directory: string): Promise<void> {
  const { pem, key } = await makeCertificate()
  writeFileSync(join(directory, "server.pem"), pem)
  writeFileSync(join(directory, "server.key"), key)
  writeFileSync(join(directory, "both.pem"), pem + key)
}

/** Resolves when `child` accepts on this port of 127.0.0.1. Throws when it ends first, or after 15 s. */
export async function untilListening(child: Child, port: number): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await accepts(port))) {
    if (child.exit !== null) throw new Error(`it ended at once (${child.exit}): ${child.lastWords}`)
    if (Date.now() > deadline)
      throw new Error(`it does not listen after ${PATIENCE_MS / 1000} s: ${child.lastWords}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })
}

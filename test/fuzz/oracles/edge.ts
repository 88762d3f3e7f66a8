import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { toBinary } from "@bufbuild/protobuf"
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { Balancer } from "../../../src/balancer/balancer.ts"
import { seededRandom } from "../../../src/base/random.ts"
import {
  defaultBridge,
  defaultCluster,
  defaultConfig,
  defaultEndpoint,
  defaultListener,
  defaultRoute,
  defaultRouteSettings,
} from "../../../src/config/defaults.ts"
import type { Config } from "../../../src/config/model.ts"
import type { Log, LogFields } from "../../../src/log/logger.ts"
import type { Network } from "../../../src/net/network.ts"
import type { StreamRecord } from "../../../src/record/record.ts"
import { checkClosed } from "../../simulation/invariants.ts"
import { Scheduler } from "../../simulation/network/scheduler.ts"
import type { LineUser, VirtualLink, WireTap } from "../../simulation/network/virtual-link.ts"
import { VirtualNetwork } from "../../simulation/network/virtual-network.ts"
import { talkDescriptors } from "../../support/talk-backend.ts"

const LISTENER = "fuzz:8080"
const ENDPOINT = "fuzz:3000"
/** Longer than anything waits for a silent peer. */
const SILENCE_MS = 150_000
const TURNS_MAX = 50_000
/** nginx's 444. */
const NO_ANSWER = 444
/** The opcode of RFC 6455 §5.5.1, with FIN. */
const CLOSE = "\x88"

const descriptorSet = fileURLToPath(new URL("../../../.cache/fuzz/talk.binpb", import.meta.url))
mkdirSync(fileURLToPath(new URL("../../../.cache/fuzz/", import.meta.url)), { recursive: true })
writeFileSync(descriptorSet, toBinary(FileDescriptorSetSchema, talkDescriptors))

/** What of calls that ended a client of HTTP/1.1 must have heard, before it leaves. */
function checkAnswered(ended: readonly StreamRecord[], heard: string, isPageThere: boolean): void {
  const answered = ended.filter(
    ({ connection, status }) => connection.protocol.startsWith("HTTP/1") && status !== NO_ANSWER,
  )
  if (answered.length === 0) return
  assert.match(heard, /^HTTP\/1\.1 \d{3} /, "a call ended, and its client heard nothing")
  const isWeb =
    heard.startsWith("HTTP/1.1 200") && /content-type: application\/grpc-web\+proto\r\n/.test(heard)
  if (isWeb) assert.match(heard, /grpc-status: \d+\r\n/, "a gRPC-Web call ended without its status")
  if (isPageThere && heard.startsWith("HTTP/1.1 101"))
    assert(heard.includes(CLOSE), "a WebSocket's call ended without a Close")
}

/** What one end of a connection does. Both ends are made anew for every run. */
export type Script = (link: VirtualLink, scheduler: Scheduler) => LineUser

export interface EdgeOptions {
  readonly client: Script
  readonly backend: Script
  readonly expectsProxyHeader?: boolean
  /** In place of one gRPC route with all bridges: the one client is of its listener `fuzz:8080`. */
  readonly config?: () => Config
  /** In place of `backend`, how an HTTP/1.1 backend is connected to. */
  readonly connect?: Network["connect"]
  /** What must hold besides, of all calls that ended and of all octets that the client heard. */
  readonly check?: (ended: readonly StreamRecord[], heard: string) => void
  /** Both sides are silent for so long that every time limit is over; else the client closes soon. */
  readonly waits?: boolean
}

const NO_TAP: WireTap = {
  onWritten() {},
  onPeerWritten() {},
  onRead() {},
  onMisuse(what) {
    throw new Error(`misuse of a socket: ${what}`)
  },
  forgive() {},
}

/**
 * A whole balancer on a virtual network, all bridges on, one client and one backend. Whatever they say, no bug may come
 * up, and nothing may be left once the balancer has closed. Errors: throws when it does.
 */
export async function runEdge(options: EdgeOptions): Promise<void> {
  const scheduler = new Scheduler()
  const network = new VirtualNetwork({
    scheduler,
    conditions: { delayMs: 0, capacityOctets: 1_000_000, cutShare: 0 },
    seed: 0,
    tap: () => NO_TAP,
  })
  const bugs: string[] = []
  const random = seededRandom(0)
  const config = options.config?.() ?? configOf(options.expectsProxyHeader === true)
  const reached: Network = {
    listen: network.listen,
    connect: options.connect ?? network.connect,
    afterReads: (callback) => network.afterReads(callback),
  }
  const balancer = new Balancer(config, { clock: scheduler, random, network: reached, log: logInto(bugs) })
  network.host(ENDPOINT, (link) => options.backend(link, scheduler))
  const ended: StreamRecord[] = []
  balancer.on("stream", (record) => ended.push(record))
  await balancer.start()
  let heard = ""
  const link = network.dial(LISTENER, "client", (made) => {
    const script = options.client(made, scheduler)
    return {
      onConnected: () => script.onConnected(),
      onOctets(octets, length) {
        heard += octets.toString("latin1", 0, length)
        script.onOctets(octets, length)
      },
      onGone: () => script.onGone(),
    }
  })
  const untilMs = options.waits === true ? SILENCE_MS : 0
  await settle(scheduler, () => scheduler.nextMs > untilMs)
  // Of a page that answers no ping the socket is torn down.
  if (options.config === undefined) checkAnswered(ended, heard, options.waits !== true)
  options.check?.(ended, heard)
  link?.end()
  await settle(scheduler, () => scheduler.nextMs > untilMs)
  let isClosed = false
  void balancer.close({ graceMs: 0 }).then(() => void (isClosed = true))
  await turn()
  await settle(scheduler, () => isClosed && scheduler.nextMs === Number.POSITIVE_INFINITY)
  assert.deepEqual(bugs, [], "a bug came up")
  checkClosed(balancer.snapshot(), network, scheduler.timersOpen)
}

/** Lets things happen until `isOver`. Node's streams and promises get their turn after each. */
async function settle(scheduler: Scheduler, isOver: () => boolean): Promise<void> {
  await turn()
  for (let turns = 0; !isOver(); turns++) {
    assert(turns < TURNS_MAX, `nothing is over after ${TURNS_MAX} turns`)
    scheduler.step()
    await turn()
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function configOf(proxyProtocol: boolean): Config {
  const address = { text: LISTENER, host: "fuzz", port: 8080, unixPath: null }
  const settings = {
    ...defaultRouteSettings(),
    bridge: {
      ...defaultBridge(),
      grpcWeb: true,
      connect: true,
      webSocket: true,
      method: "/talk.Talk/Chat",
      origins: ["https://page.test"],
      descriptorSet,
      metadataQuery: ["token"],
      metadataCookie: "session",
    },
  }
  return {
    ...defaultConfig(),
    listeners: [{ ...defaultListener(address), proxyProtocol }],
    clusters: [
      {
        ...defaultCluster("backends"),
        endpoints: [defaultEndpoint({ text: ENDPOINT, host: "fuzz", port: 3000, unixPath: null })],
      },
    ],
    servers: [
      {
        names: ["_"],
        listeners: [LISTENER],
        defaultFor: [LISTENER],
        order: "nginx",
        underscoresInHeaders: false,
        mergeSlashes: true,
        routes: [
          {
            match: { kind: "prefix", path: "/", final: false },
            action: { kind: "cluster", cluster: "backends", tls: null },
            settings,
            ...defaultRoute(),
          },
        ],
        rewrite: [],
        fallback: settings,
      },
    ],
  }
}

/** The balancer says errors only of what must not be. */
function logInto(bugs: string[]): Log {
  const nothing = (): void => {}
  const error = (message: string, fields: LogFields = {}): void =>
    void bugs.push(`${message}: ${String(fields.error)}`)
  const log: Log = { debug: nothing, info: nothing, warn: nothing, error, with: () => log }
  return log
}

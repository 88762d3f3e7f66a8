/** `sluice controller`: Kubernetes' Gateway API, served by this very process. */
import { randomUUID } from "node:crypto"
import { mkdtempSync } from "node:fs"
import { isIP } from "node:net"
import { hostname, tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { holdProcess, systemClock } from "../base/clock.ts"
import { systemRandom } from "../base/random.ts"
import { resolveLimits } from "../base/resolve-limits.ts"
import { defaultConfig } from "../config/defaults.ts"
import type { GatewayAddress } from "../config/gateway/translate.ts"
import type { LoadedConfig } from "../config/load.ts"
import type { Config } from "../config/model.ts"
import { whyNot } from "../config/problem.ts"
import { toYaml } from "../config/yaml/write.ts"
import {
  inClusterAccess,
  type KubernetesAccess,
  kubeconfigAccess,
} from "../control/discovery/kubernetes-access.ts"
import { GatewayController } from "../control/gateway/gateway-controller.ts"
import { readOnce } from "../control/gateway/read-once.ts"
import { SecretFiles } from "../control/gateway/secret-files.ts"
import type { MachineOptions } from "../control/gateway/translate-options.ts"
import { JsonClient } from "../net/json-client.ts"
import { baseOf, type ControllerBase } from "./controller-base.ts"
import { prepare } from "./prepare.ts"
import { openProcessLogs, type ProcessLogs, runControl } from "./run-control.ts"
import { StartupOutput } from "./startup-output.ts"

export interface ControllerOptions {
  /** Null: as the account of the pod that it runs in. */
  kubeconfig: string | null
  /** How the process runs, and what it serves besides; null: as by default. */
  config: string | null
  gatewayClassController: string
  /** Null: resources of all namespaces. */
  namespace: string | null
  /** Null: that of the account, or of the kubeconfig's context. */
  leaseNamespace: string | null
  bind: string
  /** Addresses and networks. */
  pool: string[]
  addresses: string[]
  /** `NAMESPACE/NAME`; null: none is named. */
  publishService: string | null
  /** Null: a new one in the system's directory of temporary files. */
  secretsDirectory: string | null
  json: boolean
  /** Reads the resources once, prints what they come to, and ends. */
  check: boolean
}

/** Runs until told to stop. Resolves with the exit code: 0, 1 at runtime, 2 for what it was told. */
export async function controller(options: ControllerOptions): Promise<number> {
  const letGo = holdProcess()
  try {
    return options.check ? await check(options) : await runUntilStopped(options)
  } finally {
    letGo()
  }
}

async function runUntilStopped(options: ControllerOptions): Promise<number> {
  const teller = new StartupOutput(options.json)
  const start = await readStart(options, teller)
  if (start === null) return 2
  const { base, access, machine, config: settings } = start
  let logs: ProcessLogs
  try {
    logs = openProcessLogs(settings, options.json)
  } catch (error) {
    teller.cannotStart((error as Error).message)
    return 1
  }
  const { log } = logs
  const { complete, reserved, atStart } = base
  const gateways = new GatewayController({
    ...machine,
    client: clientOf(options, access),
    namespace: options.namespace,
    leaseNamespace: options.leaseNamespace ?? access.namespace,
    identity: `${hostname()}_${randomUUID()}`,
    objectsMax: resolveLimits(settings.limits).limits.kubernetesObjectsMax,
    reserved,
    clock: systemClock,
    random: systemRandom,
    log,
    complete,
  })
  const loaded = (): Promise<LoadedConfig> =>
    Promise.resolve({ config: gateways.config ?? atStart, problems: [], sources: new Map() })
  const code = await runControl({
    config: atStart,
    load: loaded,
    logs,
    teller,
    isJson: options.json,
    configFile: options.config === null ? null : resolve(options.config),
    sourceSpecs: (cluster) => gateways.slices.specs(cluster),
    // What it is told from here on is for others, which write the statuses too.
    onDrain: () => void gateways.stop(),
    canUpgrade: false,
    onListening: (control) => gateways.start(control),
  })
  await gateways.stop()
  await log.close()
  return code
}

/** @returns the exit code: 0 where the API server answered, 1 where it did not, 2 for what it was told */
async function check(options: ControllerOptions): Promise<number> {
  const teller = new StartupOutput(options.json)
  const start = await readStart(options, teller)
  if (start === null) return 2
  const { base, access, machine, config: settings } = start
  try {
    const { config, statuses } = await readOnce({
      ...machine,
      client: clientOf(options, access),
      namespace: options.namespace,
      objectsMax: resolveLimits(settings.limits).limits.kubernetesObjectsMax,
      clock: systemClock,
      random: systemRandom,
      log: {
        info() {},
        warn: (message, fields) => teller.line(`${message} ${JSON.stringify(fields ?? {})}`),
      },
    })
    if (options.json) process.stdout.write(`${JSON.stringify({ statuses: statuses(null) }, null, 2)}\n`)
    else {
      for (const line of statuses(null).flatMap(complaints)) process.stderr.write(`${line}\n`)
      process.stdout.write(toYaml(base.complete(config)))
    }
    return 0
  } catch (error) {
    teller.cannotStart((error as Error).message)
    return 1
  }
}

interface Start {
  /** The configuration file. */
  readonly config: Config
  readonly base: ControllerBase
  readonly access: KubernetesAccess
  readonly machine: MachineOptions
}

/** Null: something is wrong with it, and it was said. */
async function readStart(options: ControllerOptions, teller: StartupOutput): Promise<Start | null> {
  const { kubeconfig, gatewayClassController: controllerName, bind: bindHost, publishService } = options
  if (isIP(bindHost) === 0) return wrong(teller, `--bind ${bindHost}: must be an IP address`)
  if (!/^[a-z0-9.-]+\/\S+$/.test(controllerName))
    return wrong(teller, `--gateway-class-controller ${controllerName}: must be DOMAIN/NAME`)
  const [, namespace, name] = /^([^/]+)\/([^/]+)$/.exec(publishService ?? "") ?? []
  if (publishService !== null && name === undefined)
    return wrong(teller, `--publish-service ${publishService}: must be NAMESPACE/NAME`)
  const pool = options.pool.map(addressesOf)
  const unread = pool.indexOf(null)
  if (unread >= 0)
    return wrong(
      teller,
      `--pool ${options.pool[unread]}: must be an IPv4 address, or a network of at most ${POOL_MAX}`,
    )
  const nowMs = (): number => systemClock.now()
  let access: KubernetesAccess
  try {
    access = kubeconfig === null ? inClusterAccess(nowMs) : kubeconfigAccess(kubeconfig, nowMs)
  } catch (error) {
    const { message } = error as Error
    return wrong(teller, kubeconfig === null ? message : `--kubeconfig ${kubeconfig}: ${message}`)
  }
  const config = await readBase(options, teller)
  if (config === null) return null
  const base = baseOf(config)
  const directory = options.secretsDirectory ?? mkdtempSync(join(tmpdir(), "sluice-gateway-"))
  const files = new SecretFiles(resolve(directory))
  process.once("exit", () => files.remove())
  const machine: MachineOptions = {
    controllerName,
    common: base.common,
    addresses: options.addresses.map(addressOf),
    publishedService: name === undefined ? null : { namespace: namespace!, name },
    bindHost,
    pool: pool.flatMap((some) => some ?? []),
    kubeconfig,
    files,
  }
  return { config, base, access, machine }
}

function wrong(teller: StartupOutput, message: string): null {
  teller.cannotStart(message)
  return null
}

async function readBase({ config: path }: ControllerOptions, teller: StartupOutput): Promise<Config | null> {
  if (path === null) return defaultConfig()
  const loaded = await prepare(path, { strict: false })
  teller.problems(loaded)
  if (loaded.config === null) teller.cannotStart(whyNot(loaded.problems), loaded.problems)
  return loaded.config
}

function clientOf({ kubeconfig }: ControllerOptions, { baseUrl, headers }: KubernetesAccess): JsonClient {
  const nowMs = (): number => systemClock.now()
  // Certificates are renewed in their files.
  const tls = () => (kubeconfig === null ? inClusterAccess(nowMs) : kubeconfigAccess(kubeconfig, nowMs)).tls
  return new JsonClient({ baseUrl, tls, ...(headers && { headers }) })
}

const POOL_MAX = 1024

/** Those of a network, without the first and the last where there are more than two. Null: it is none, or too large. */
function addressesOf(text: string): string[] | null {
  const [, address, length = "32"] = /^([0-9.]+)(?:\/(\d+))?$/.exec(text) ?? []
  const bits = 32 - Number(length)
  if (address === undefined || isIP(address) !== 4 || bits < 0 || 2 ** bits > POOL_MAX) return null
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0)
  const first = number - (number % 2 ** bits)
  const all = Array.from({ length: 2 ** bits }, (_, at) =>
    [24, 16, 8, 0].map((shift) => Math.floor((first + at) / 2 ** shift) % 256).join("."),
  )
  return all.length > 2 ? all.slice(1, -1) : all
}

function addressOf(text: string): GatewayAddress {
  return { type: isIP(text) === 0 ? "Hostname" : "IPAddress", value: text }
}

interface Conditioned {
  conditions?: readonly { type: string; status: string; reason: string; message: string }[]
}

/** What a status complains of, a line each. */
function complaints({
  kind,
  namespace,
  name,
  status,
}: {
  kind: string
  namespace: string
  name: string
  status: object
}): string[] {
  const nested = Object.values(status).flatMap((value) =>
    Array.isArray(value) ? (value as Conditioned[]) : [],
  )
  const all = [status as Conditioned, ...nested].flatMap(({ conditions = [] }) => conditions)
  const isBad = ({ type, status: is }: { type: string; status: string }): boolean =>
    type === "Conflicted" || type === "PartiallyInvalid" ? is === "True" : is !== "True"
  return all
    .filter(isBad)
    .map(
      ({ type, status: is, reason, message }) =>
        `${kind} ${namespace}/${name}: ${type} ${is}, ${reason}: ${message}`,
    )
}

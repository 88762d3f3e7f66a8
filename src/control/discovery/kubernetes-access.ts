import { readFileSync } from "node:fs"
import { dirname, isAbsolute, join } from "node:path"
import { parse } from "yaml"
import type { ApiTls, JsonClientOptions } from "../../net/json-client.ts"

/** Where the API server is and who asks. */
export interface KubernetesAccess extends Omit<JsonClientOptions, "tls"> {
  readonly tls: ApiTls
  /** Of the account or the context. */
  readonly namespace: string
}

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
/** Tokens of an account are renewed in its file before they expire. */
const TOKEN_KEPT_MS = 60_000

interface AccessSources {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly read: (path: string) => string
  readonly nowMs: () => number
}

const system: Omit<AccessSources, "nowMs"> = {
  environment: process.env,
  read: (path) => readFileSync(path, "utf8"),
}

/** As the account of the pod that Sluice runs in. Errors: one sentence, where it runs in none. */
export function inClusterAccess(
  nowMs: () => number,
  { environment, read }: Omit<AccessSources, "nowMs"> = system,
): KubernetesAccess {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = environment
  if (host === undefined)
    throw new Error("not in a Kubernetes pod (KUBERNETES_SERVICE_HOST is not set): name a kubeconfig")
  const token = renewed(() => read(join(ACCOUNT, "token")).trim(), nowMs)
  return {
    baseUrl: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    tls: { ca: read(join(ACCOUNT, "ca.crt")) },
    headers: () => ({ authorization: `Bearer ${token()}` }),
    namespace: read(join(ACCOUNT, "namespace")).trim(),
  }
}

interface Named {
  name?: string
  cluster?: {
    server?: string
    "certificate-authority"?: string
    "certificate-authority-data"?: string
    "insecure-skip-tls-verify"?: boolean
    "tls-server-name"?: string
  }
  context?: { cluster?: string; user?: string; namespace?: string }
  user?: {
    token?: string
    tokenFile?: string
    "client-certificate"?: string
    "client-certificate-data"?: string
    "client-key"?: string
    "client-key-data"?: string
    exec?: unknown
    "auth-provider"?: unknown
  }
}

/** As a kubeconfig says, by its current context. Errors: one sentence that names the file and what is missing. */
export function kubeconfigAccess(
  path: string,
  nowMs: () => number,
  { read }: Pick<AccessSources, "read"> = system,
): KubernetesAccess {
  const wrong = (what: string): Error => new Error(`kubeconfig ${path}: ${what}`)
  const file = parse(read(path)) as {
    "current-context"?: string
    clusters?: Named[]
    contexts?: Named[]
    users?: Named[]
  } | null
  const find = (list: Named[] | undefined, name: string | undefined, kind: string): Named => {
    const found = list?.find((one) => one.name === name)
    if (found === undefined) throw wrong(`there is no ${kind} "${name ?? ""}"`)
    return found
  }
  const context = find(file?.contexts, file?.["current-context"], "context").context ?? {}
  const cluster = find(file?.clusters, context.cluster, "cluster").cluster ?? {}
  const user = find(file?.users, context.user, "user").user ?? {}
  if (cluster.server === undefined) throw wrong("its cluster has no server")
  if (user.exec !== undefined || user["auth-provider"] !== undefined)
    throw wrong("users that run a program to log in are not supported: give it a token or a certificate")
  const material = (data: string | undefined, name: string | undefined): string | undefined => {
    if (data !== undefined) return Buffer.from(data, "base64").toString()
    if (name === undefined) return undefined
    return read(isAbsolute(name) ? name : join(dirname(path), name))
  }
  const ca = material(cluster["certificate-authority-data"], cluster["certificate-authority"])
  const cert = material(user["client-certificate-data"], user["client-certificate"])
  const key = material(user["client-key-data"], user["client-key"])
  const { tokenFile } = user
  const token = tokenFile === undefined ? () => user.token : renewed(() => read(tokenFile).trim(), nowMs)
  return {
    baseUrl: cluster.server,
    tls: {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(cluster["tls-server-name"] !== undefined && { serverName: cluster["tls-server-name"] }),
      verify: cluster["insecure-skip-tls-verify"] !== true,
    },
    headers: (): Record<string, string> => {
      const value = token()
      return value === undefined ? {} : { authorization: `Bearer ${value}` }
    },
    namespace: context.namespace ?? "default",
  }
}

/** What `read` gives, read again each minute; a file that cannot be read meanwhile changes nothing. */
function renewed(read: () => string, nowMs: () => number): () => string {
  let value = read()
  let readMs = nowMs()
  return () => {
    if (nowMs() - readMs < TOKEN_KEPT_MS) return value
    readMs = nowMs()
    try {
      value = read()
    } catch {
      // The next minute may have it.
    }
    return value
  }
}

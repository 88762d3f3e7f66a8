/** From a cluster's configuration to its sources. */
import { readFileSync } from "node:fs"
import type { ApiTlsConfig, ClusterConfig, DiscoveryConfig } from "../../config/model.ts"
import { type ApiTls, JsonClient } from "../../net/json-client.ts"
import { AssignedSource } from "./assigned-source.ts"
import { ConsulSource } from "./consul-source.ts"
import { dnsSpec, endpointSpecs, type SourceContext, type SourceSpec } from "./dns-spec.ts"
import { endpointFile } from "./endpoint-file.ts"
import { EtcdSource } from "./etcd-source.ts"
import { FileSource } from "./file-source.ts"
import { inClusterAccess, kubeconfigAccess } from "./kubernetes-access.ts"
import { KubernetesSource } from "./kubernetes-source.ts"
import { LateSource } from "./late-source.ts"
import type { DiscoverySource } from "./source.ts"

/** By origin: those of `endpoints`, then those of `discovery`. */
export function sourceSpecs(config: ClusterConfig): (SourceSpec | null)[] {
  const { discovery, resolver } = config
  return [
    ...endpointSpecs(config),
    ...discovery.map(({ settings: _, ...source }): SourceSpec => {
      if (source.kind === "dns") return dnsSpec(source.host, 0, source.service, resolver)
      return { key: JSON.stringify(source), make: (context) => makeApiSource(source, context) }
    }),
  ]
}

type ApiSource<One = DiscoveryConfig> = One extends { kind: "dns" } ? never : Omit<One, "settings">

function makeApiSource(source: ApiSource, context: SourceContext): DiscoverySource {
  switch (source.kind) {
    case "file":
      return new FileSource(source.path, endpointFile(source.path), context.clock)
    case "etcd":
      return new LateSource(`etcd ${source.prefix}`, () => makeEtcd(source, context), context)
    case "xds":
      return new AssignedSource(source.services, context.assignments)
    case "consul":
      return makeConsul(source, context)
    case "kubernetes":
      return new LateSource(`kubernetes ${source.service}`, () => makeKubernetes(source, context), context)
  }
}

function makeEtcd(source: ApiSource & { kind: "etcd" }, context: SourceContext): DiscoverySource {
  const { urls, prefix, user: name, passwordFile } = source
  let token = ""
  const clients = urls.map(
    (baseUrl) =>
      new JsonClient({
        baseUrl,
        tls: () => readTls(source),
        headers: (): Record<string, string> => (token === "" ? {} : { authorization: token }),
      }),
  )
  const password = passwordFile === null ? "" : readText(passwordFile)
  const user = name === null ? null : { name, password }
  return new EtcdSource({ clients, prefix, user, setToken: (given) => (token = given), ...context })
}

function makeConsul(source: ApiSource & { kind: "consul" }, context: SourceContext): DiscoverySource {
  const { url: baseUrl, service, datacenter, tags, tokenFile } = source
  const client = new JsonClient({
    baseUrl,
    tls: () => readTls(source),
    headers: (): Record<string, string> =>
      tokenFile === null ? {} : { "x-consul-token": readText(tokenFile) },
  })
  return new ConsulSource({ client, service, datacenter, tags, ...context })
}

function makeKubernetes(source: ApiSource & { kind: "kubernetes" }, context: SourceContext): DiscoverySource {
  const { service, port, kubeconfig } = source
  const nowMs = () => context.clock.now()
  const access = () => (kubeconfig === null ? inClusterAccess(nowMs) : kubeconfigAccess(kubeconfig, nowMs))
  const { baseUrl, headers, namespace } = access()
  const client = new JsonClient({ baseUrl, ...(headers && { headers }), tls: () => access().tls })
  return new KubernetesSource({ client, namespace: source.namespace ?? namespace, service, port, ...context })
}

function readTls({ caFile, certFile, keyFile }: ApiTlsConfig): ApiTls {
  const read = (path: string | null) => (path === null ? undefined : readText(path))
  return { ca: read(caFile), cert: read(certFile), key: read(keyFile) }
}

/** Errors: one sentence that names the file. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8").trim()
  } catch (error) {
    throw new Error(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
}

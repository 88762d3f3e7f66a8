import { readFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { create, type JsonObject } from "@bufbuild/protobuf"
import { parse } from "yaml"
import { z } from "zod"
import { VERSION } from "../../base/version.ts"
import { type Address, parseAddress } from "../../config/address.ts"
import { defaultListener, defaultUpstreamTls } from "../../config/defaults.ts"
import type { ListenerConfig } from "../../config/model.ts"
import type { UpstreamTlsConfig } from "../../config/shared-model.ts"
import { listenAddress } from "../../config/yaml/scalars.ts"
import { type Node, NodeSchema } from "../gen/envoy/config/core/v3/base_pb.ts"

/** Where the control plane is, and how it is asked. */
export interface XdsBootstrap {
  readonly server: Address
  /** Null: without TLS. */
  readonly tls: UpstreamTlsConfig | null
  readonly api: "ads" | "delta-ads"
  readonly node: Node
  /** Listeners that are asked for by name, and are bound to nothing: served here. Null: all listeners, each at its address. */
  readonly targets: { readonly listener: ListenerConfig; readonly names: ReadonlySet<string> } | null
}

const text = z.string().min(1)
const locality = z.strictObject({
  region: z.string().optional(),
  zone: z.string().optional(),
  subZone: z.string().optional(),
})

const schema = z.strictObject({
  server: z.union(
    [
      text,
      z.strictObject({
        address: text,
        tls: z
          .union([
            z.boolean(),
            z.strictObject({
              ca: text.optional(),
              cert: text.optional(),
              key: text.optional(),
              serverName: text.optional(),
            }),
          ])
          .optional(),
      }),
    ],
    { error: "must be an address, or a map with one" },
  ),
  api: z.enum(["ads", "delta-ads"]).optional(),
  node: z
    .strictObject({
      id: text.optional(),
      cluster: text.optional(),
      locality: locality.optional(),
      metadata: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
  targets: z.strictObject({ listen: z.union([text, z.int()]), names: z.array(text).min(1) }).optional(),
})

/** Reads a bootstrap file, YAML or JSON. Errors: throws a sentence that names the file and the field. */
export function readBootstrap(path: string, hostName: string): XdsBootstrap {
  let input: unknown
  try {
    input = parse(readFileSync(path, "utf8"))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(`cannot read the bootstrap file ${path}: ${code ?? message.split("\n")[0]}`)
  }
  const fault = (field: string, why: string): never => {
    throw new Error(`${path}: ${field === "" ? "" : `${field}: `}${why}`)
  }
  const result = schema.safeParse(input)
  if (!result.success) {
    const [issue] = result.error.issues
    return fault(issue!.path.join("."), issue!.message)
  }
  const { server, api = "ads", node = {}, targets } = result.data
  const written = typeof server === "string" ? { address: server } : server
  const address = parseAddress(written.address, null)
  if (address === null) return fault("server", `"${written.address}" is no address: host:port or unix:/path`)
  const tls = written.tls ?? false
  const place = (file: string | undefined) => (file === undefined ? null : resolve(dirname(path), file))
  const own = tls === true || tls === false ? {} : tls
  if ((own.cert === undefined) !== (own.key === undefined)) fault("server.tls", "a certificate needs its key")
  const where = targets === undefined ? null : listenAddress(targets.listen)
  if (targets !== undefined && where === null) fault("targets.listen", `"${targets.listen}" is no address`)
  return {
    server: address,
    tls:
      tls === false
        ? null
        : {
            ...defaultUpstreamTls(),
            verify: true,
            verifyDepth: 100,
            caFile: place(own.ca),
            certFile: place(own.cert),
            keyFile: place(own.key),
            serverName: own.serverName ?? null,
            sendServerName: true,
          },
    api,
    node: create(NodeSchema, {
      id: node.id ?? `sluice-${hostName}`,
      cluster: node.cluster ?? "sluice",
      locality: {
        region: node.locality?.region ?? "",
        zone: node.locality?.zone ?? "",
        subZone: node.locality?.subZone ?? "",
      },
      ...(node.metadata !== undefined && { metadata: node.metadata as JsonObject }),
      userAgentName: "sluice",
      userAgentVersionType: { case: "userAgentVersion", value: VERSION },
      clientFeatures: ["envoy.lb.does_not_support_overprovisioning"],
    }),
    targets:
      targets === undefined ? null : { listener: defaultListener(where!), names: new Set(targets.names) },
  }
}

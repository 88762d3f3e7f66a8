import type { Duration } from "@bufbuild/protobuf/wkt"
import type { Address as ConfigAddress } from "../../config/address.ts"
import { hostAddress, unixAddress } from "../../config/address.ts"
import type { Address } from "../gen/envoy/config/core/v3/address_pb.ts"
import { SocketAddress_Protocol } from "../gen/envoy/config/core/v3/address_pb.ts"
import type { DataSource } from "../gen/envoy/config/core/v3/base_pb.ts"
import type { ConfigSource } from "../gen/envoy/config/core/v3/config_source_pb.ts"
import { refuse } from "./refusal.ts"

/** Whole milliseconds, at least one where it is more than nothing. Undefined: it is not said. */
export function millisecondsOf(duration: Duration | undefined): number | undefined {
  if (duration === undefined) return undefined
  const ms = Number(duration.seconds) * 1000 + duration.nanos / 1e6
  return ms <= 0 ? 0 : Math.max(1, Math.round(ms))
}

/** 0 means none, as of Envoy's timeouts. Undefined: it is not said. */
export function timeoutOf(duration: Duration | undefined): number | null | undefined {
  const ms = millisecondsOf(duration)
  return ms === 0 ? null : ms
}

export function addressOf(address: Address | undefined, path: string): ConfigAddress {
  const { address: one } = address ?? {}
  if (one?.case === "pipe") {
    if (one.value.path.startsWith("@")) refuse(path, "abstract sockets are not supported")
    return unixAddress(one.value.path)
  }
  if (one?.case !== "socketAddress") refuse(path, "it is neither a socket address nor a pipe")
  const { protocol, address: host, portSpecifier } = one.value
  if (protocol !== SocketAddress_Protocol.TCP) refuse(path, "UDP is not supported")
  const port = portSpecifier.case === "portValue" ? portSpecifier.value : 0
  if (host === "" || !/^[\w.:%-]+$/.test(host)) refuse(path, `"${host}" is no host`)
  if (port < 1 || port > 65_535) refuse(path, `${port} is no port`)
  return hostAddress(host, port)
}

/** Where a resource comes from: the same stream, or none that Sluice asks. */
export function checkSource(source: ConfigSource | undefined, path: string): void {
  const from = source?.configSourceSpecifier.case
  if (from !== "ads" && from !== "self") refuse(path, "resources come by ads alone")
}

/** A path, or the text itself, as the model takes both. Null: it is empty. */
export function fileOf(source: DataSource | undefined, path: string): string | null {
  const { specifier } = source ?? {}
  switch (specifier?.case) {
    case "filename":
      return specifier.value === "" ? null : specifier.value
    case "inlineString":
      return pemOf(specifier.value, path)
    case "inlineBytes":
      return pemOf(Buffer.from(specifier.value).toString("latin1"), path)
    case undefined:
      return null
    default:
      return refuse(path, "environment variables are not read")
  }
}

/** Certificates and keys by their text, from its first line on. */
function pemOf(text: string, path: string): string | null {
  const at = text.indexOf("-----BEGIN ")
  if (text.trim() === "") return null
  return at < 0 ? refuse(path, "it is no PEM") : text.slice(at)
}

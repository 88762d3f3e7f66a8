/** `admin: { xds: … }` of sluice.yaml, read and written. */
import { adminAddress } from "../admin-address.ts"
import type { XdsListenConfig } from "../model.ts"
import type { XdsInput } from "./schema.ts"

/** @param input conforms to the schema */
export function readXds(input: XdsInput): XdsListenConfig {
  const {
    address,
    certificate = null,
    key = null,
    clientCa = null,
  } = typeof input === "object" ? input : { address: input }
  return {
    address: adminAddress(address)!.text,
    certFile: certificate,
    keyFile: key,
    clientCaFile: clientCa,
  }
}

/** What `readXds` reads. */
export function writeXds({ address, certFile, keyFile, clientCaFile }: XdsListenConfig): XdsInput {
  if (certFile === null || keyFile === null) return address
  return {
    address,
    certificate: certFile,
    key: keyFile,
    ...(clientCaFile !== null && { clientCa: clientCaFile }),
  }
}

import type { Socket } from "node:net"
import type { ListenerConfig } from "../config/model.ts"
import { isSaidPath } from "../config/said-path.ts"
import type { CertificatePaths } from "../net/said-certificates.ts"
import type { TlsInfo } from "../record/record.ts"
import type { Template } from "../record/template.ts"
import type { TemplateEnvironment } from "../record/variables.ts"
import { connectionRecord } from "../relay/downstream/connection-record.ts"
import { newTcpRecord } from "../tcp/tcp-record.ts"

/** Some of its certificates are found by what its clients say. */
export function hasSaidCertificates({ tls }: ListenerConfig): boolean {
  return (
    tls?.certificates.some(({ certFile, keyFile }) => isSaidPath(certFile) || isSaidPath(keyFile)) ?? false
  )
}

/** Paths of a listener's certificates, filled in with what is known of a client in the middle of its handshake. */
export function certificatePaths(
  listener: ListenerConfig,
  templateOf: (source: string) => Template,
  env: TemplateEnvironment,
): CertificatePaths {
  return (source) => {
    const template = templateOf(source)
    return (serverName, client) => {
      const startMs = Math.floor(env.clock.now())
      const tls = { ...tlsOf(serverName), proxied: client?.proxied ?? null }
      const tcp = listener.protocol === "tcp" ? { hello: null } : null
      const [socket, ends] = [client?.raw ?? NO_SOCKET, client?.ends ?? undefined]
      const connection = connectionRecord(0, startMs, listener, socket, tls, tcp, ends)
      const said = template.render(newTcpRecord(connection, "", startMs), env)
      return Buffer.from(said, "latin1").toString()
    }
  }
}

const NO_SOCKET = {} as Socket

function tlsOf(serverName: string): TlsInfo {
  return {
    protocol: "",
    cipher: "",
    clientSubject: "",
    clientVerify: "NONE",
    clientRefused: null,
    serverName,
  }
}

import type { HeaderList } from "../http2/header-list.ts"
import type { ContinuityRecord } from "./continuity-record.ts"
import type { RequestState } from "./request-state.ts"
import type { StreamTrace } from "./trace.ts"

/**
 * What is known of one stream, filled in as it goes on: the source of every variable, log line and statistic.
 *
 * One object of fixed shape per stream. Counters are octets of DATA unless named otherwise; times are `clock.now()`
 * in whole milliseconds, 0 while not reached.
 */
export interface StreamRecord {
  readonly connection: ConnectionRecord
  /** Which request of its connection this is, from 1: `connection.requests` when it came. */
  readonly requestNumber: number
  /** 32 hex digits, made on first use. */
  requestId: string
  readonly method: string
  readonly scheme: string
  readonly authority: string
  /** Path and query as received. */
  readonly path: string
  readonly requestHeaders: HeaderList
  serverName: string
  startMs: number
  /** When the client no longer waits, by `grpc-timeout`; 0: it waits for as long as it takes. */
  deadlineMs: number
  endMs: number
  /** When octets last came, from the client or an endpoint; `startMs` before any have. To a tenth of a second. */
  readonly activeMs: number
  requestOctets: number
  responseOctets: number
  requestMessages: number
  responseMessages: number
  /** HTTP status sent downstream; 0 before. */
  status: number
  /** -1 while none was sent. */
  grpcStatus: number
  grpcMessage: string
  responseHeaders: HeaderList | null
  responseTrailers: HeaderList | null
  /** One per endpoint tried, in order: gRPC's word for what the relay calls a leg. */
  readonly attempts: readonly AttemptRecord[]
  /** How many of them variables tell of; null: all. An endpoint is not among them while it is asked, as in nginx. */
  readonly attemptsTold: number | null
  /** How often the call was re-opened on another endpoint while the client's stream went on. */
  resumes: number
  /** Null: of a route without continuity. */
  continuity: ContinuityRecord | null
  /** What phases have made of the request; null: it is as it was received. */
  state: RequestState | null
  /** Null: of a route that is not traced. */
  trace: StreamTrace | null
}

export interface AttemptRecord {
  address: string
  /** HTTP status from the upstream, or 502/504 where nginx would log them. 0: none. */
  status: number
  startMs: number
  connectedMs: number
  headersMs: number
  endMs: number
  octetsSent: number
  octetsReceived: number
  /** As the upstream sent them, before anything was hidden or added. */
  responseHeaders: HeaderList | null
  responseTrailers: HeaderList | null
}

export interface ConnectionRecord {
  /** Counts from 1 in this process. */
  readonly id: number
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  /** `HTTP/2.0` or `HTTP/1.1`. */
  protocol: string
  tls: TlsInfo | null
  /** Null: of a connection that speaks HTTP. */
  readonly tcp: TcpFacts | null
  /** What the PROXY protocol said of the client behind a proxy; null without. */
  proxied: ProxiedConnection | null
  requests: number
  /** Its last request asks for another protocol, which it may go on in. */
  canSwitch?: boolean
  /** The client has ended its side, and is answered what takes no backend. */
  isHalfClosed?: boolean
  /** When the client came, in `clock.now()`. */
  readonly openedMs: number
  /**
   * Calls that their own short deadlines cut, and those under way that may be, less those that a backend answered and what
   * time has forgiven. Below 0: so many answered calls are left to pay for others.
   */
  cutCalls: number
  /** When time has last forgiven some. */
  cutCallsMs: number
}

/** What is known of a connection that is relayed as it is, octet for octet. */
export interface TcpFacts {
  /** What its first octets say, where they are a ClientHello and are looked at; nginx: `ssl_preread`. */
  hello: ClientHello | null
}

/** What a TLS client asks for before anything is encrypted. */
export interface ClientHello {
  /** The highest version that it speaks, as OpenSSL calls it; empty: none that is known. */
  readonly protocol: string
  /** As it was sent, an octet for each character; empty: none. Where the ClientHello is encrypted (ECH), the outer one. */
  readonly serverName: string
  /** With commas between. */
  readonly alpnProtocols: string
}

/** What is known of a connection's TLS. Texts are as nginx's `$ssl_…` variables have them. */
export interface TlsInfo {
  /** `TLSv1.3`. */
  readonly protocol: string
  /** OpenSSL's name: `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string
  /** The client certificate's subject, RFC 2253: `CN=alice,O=Example`. Empty: none was sent. */
  readonly clientSubject: string
  /** `SUCCESS`, `FAILED:reason`, or `NONE` where no certificate was asked for or sent. */
  readonly clientVerify: string
  /** Why calls over this connection are refused: the certificate that is asked for is missing, or not accepted. */
  readonly clientRefused: "missing" | "failed" | null
  /**
   * Where names ask for different certificates: whether the server of a host, in lower case, asks for the same as the one that
   * the connection was made for, for none, for one that was not asked for, or for others. Undefined: all ask for the same.
   */
  readonly clientsAt?: (host: string) => "same" | "not asked" | "missing" | "others"
  /** Undefined, or null: none was sent. */
  readonly clientCertificate?: ClientCertificate | null
  /** What the client asked for by SNI. */
  readonly serverName?: string
  readonly isResumed?: boolean
  readonly alpn?: string
  /** What came before the handshake by the PROXY protocol. */
  readonly proxied?: ProxiedConnection | null
}

/** A client's certificate, in texts as nginx has them. */
export interface ClientCertificate {
  /** RFC 2253. */
  readonly issuer: string
  /** `/C=GB/CN=alice`. */
  readonly subjectLegacy: string
  readonly issuerLegacy: string
  /** Hex, upper case. */
  readonly serial: string
  /** SHA-1 in hex, lower case. */
  readonly fingerprint: string
  /** `Nov 23 06:11:22 2026 GMT`. */
  readonly validFrom: string
  readonly validTo: string
  readonly pem: string
}

/** The ends of a connection as a proxy in front of us saw them. */
export interface ProxiedConnection {
  readonly sourceAddress: string
  readonly sourcePort: number
  readonly destinationAddress: string
  readonly destinationPort: number
}

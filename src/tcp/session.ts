import type { Socket } from "node:net"
import { type Deadline, makeDeadline } from "../base/timer-wheel.ts"
import type { Failure } from "../record/failure.ts"
import type { ClientHello, ProxiedConnection, TlsInfo } from "../record/record.ts"
import { stateOf } from "../record/request-state.ts"
import type { NewStreamRecord } from "../record/stream-record.ts"
import { reportCall } from "../relay/call/report.ts"
import type { FindListener, PassedClient } from "../relay/downstream/passed-client.ts"
import { EndpointLegs } from "./endpoint-legs.ts"
import { findPassTarget, remoteOf } from "./pass.ts"
import { Preread, type PrereadOwner } from "./preread.ts"
import { Relay } from "./relay.ts"
import { sentHeader } from "./sent-header.ts"
import type { SessionSettings } from "./session-settings.ts"
import { SessionStream } from "./session-stream.ts"
import type { TcpContext } from "./tcp-context.ts"
import type { OpenTcpListener } from "./tcp-listener.ts"
import type { PhasedSession, TcpServer, TcpServers, TcpTarget } from "./tcp-server.ts"

export interface SessionOptions {
  readonly context: TcpContext
  readonly listener: OpenTcpListener
  readonly socket: Socket
  readonly record: NewStreamRecord
  /** By whom this client was accepted; null: by this listener. */
  readonly passed: PassedClient | null
  readonly findListener: FindListener
  onOver(): void
}

/** nginx's: what a session ends with in `$status`. */
const OK = 200
const BAD_REQUEST = 400
const INTERNAL = 500

const NO_HELLO: ClientHello = { protocol: "", serverName: "", alpnProtocols: "" }

/**
 * What becomes of one client of a TCP listener, from accept to its report: nginx's session, in its order of phases.
 *
 *   1. The PROXY protocol's header, where the listener expects one.
 *   2. Who the client is, how many there may be, who is let in (`TcpServer.phases`).
 *   3. TLS, where the listener has it.
 *   4. A ClientHello is read, where the server wants to know its names; its name may choose another server.
 *   5. An endpoint is picked and connected to, another where that fails (`EndpointLegs`). Or the client goes on at another
 *      listener, and this is over without a report.
 *   6. Octets are relayed (`Relay`) until both sides have ended.
 *   7. One report.
 */
export class TcpSession extends SessionStream implements PhasedSession, PrereadOwner {
  readonly record: NewStreamRecord
  readonly #options: SessionOptions
  readonly #deadline: Deadline
  #preread: Preread
  #onDue: () => void = () => {}
  readonly #servers: TcpServers
  #server: TcpServer
  /** The client's, over TLS or not. */
  #socket: Socket
  readonly #isReadShared: boolean
  #atEnd: (() => void)[] | null = null
  #isShakingHands = false
  #isOver = false

  constructor(options: SessionOptions) {
    super()
    const { listener, socket, record, passed } = options
    this.#options = options
    this.record = record
    this.#servers = listener.servers
    this.#server = this.#servers.fallback
    this.#socket = socket
    this.#deadline = makeDeadline(() => this.#onDue())
    // Another listener may end TLS, which reads a socket as a stream.
    this.#isReadShared = !this.#servers.mayPass
    this.#preread = new Preread(socket, this, listener.tls === null && this.#isReadShared)
    if (passed !== null) this.#preread.held = passed.held
  }

  begin(): void {
    const { socket, listener } = this.#options
    const { settings } = this.#server
    // Once: the listeners before this one have said it too.
    socket.off("error", ignore).on("error", ignore)
    socket.once("close", this.#onClosed)
    // One that was passed on has what the listener before wanted.
    if (!settings.noDelay || this.#options.passed !== null) socket.setNoDelay(settings.noDelay)
    if (!listener.config.proxyProtocol) return this.#admit()
    this.#within(settings.proxyProtocolTimeoutMs, () => this.#finish(OK))
    this.#preread.readProxyHeader()
  }

  protected override get heldBefore(): number {
    return this.#preread.held.length
  }

  /** For policies that pick by a key. */
  render(template: string): string {
    return this.#server.templateOf(template).render(this.record, this.#options.context.env)
  }

  atEnd(run: () => void): void {
    this.#atEnd ??= []
    this.#atEnd.push(run)
  }

  // ---- Before an endpoint is picked ------------------------------------------------------------------------------

  onProxyHeader(proxied: ProxiedConnection | null): void {
    this.record.connection.proxied = proxied
    this.#admit()
  }

  #admit(): void {
    this.#cancel()
    const { context, listener, socket } = this.#options
    for (const phase of this.#server.phases) {
      const refusal = phase(this, context)
      if (refusal !== null) return this.#finish(refusal.httpStatus)
    }
    if (listener.tls === null) return this.#readHello()
    this.#isShakingHands = true
    if (this.#preread.held.length > 0) socket.unshift(this.#preread.held)
    this.#preread.held = this.#preread.held.subarray(0, 0)
    const { localAddress, localPort, proxied } = this.record.connection
    const local = { address: localAddress, port: localPort }
    const ends = { remote: remoteOf(this.record), local, proxied }
    listener.tls.handshake(socket, false, ends, this.#server.settings.handshakeTimeoutMs)
  }

  /** The client has shaken hands. */
  onSecured(socket: Socket, tls: TlsInfo): void {
    this.#isShakingHands = false
    this.#socket = socket
    socket.on("error", ignore)
    socket.once("close", this.#onClosed)
    this.record.connection.tls = tls
    this.#switchServer(tls.serverName ?? "")
    if (tls.clientRefused !== null) return this.#finish(INTERNAL)
    this.#preread = new Preread(socket, this, this.#isReadShared)
    this.#preread.hold()
    this.#enter()
  }

  #readHello(): void {
    const { readHello, prereadTimeoutMs, prereadOctets } = this.#server.settings
    if (!readHello) return this.#enter()
    this.#within(prereadTimeoutMs, () => this.#unread(OK))
    this.#preread.readHello(prereadOctets)
  }

  /** What came is no whole ClientHello. nginx: its variables are empty, rather than not there. */
  #unread(status: number): void {
    const { readHello } = this.#server.settings
    if (readHello && this.#preread.held.length > 0) this.record.connection.tcp!.hello = NO_HELLO
    this.#finish(status)
  }

  onHello(hello: ClientHello | null): void {
    this.#cancel()
    this.record.connection.tcp!.hello = hello
    if (hello !== null) this.#switchServer(hello.serverName)
    this.#enter()
  }

  onUnreadable(why: "malformed" | "full"): void {
    if (why === "full") this.#unread(BAD_REQUEST)
    else this.#finish(BAD_REQUEST)
  }

  onEnded(): void {
    this.#unread(OK)
  }

  /** The server that is for the name by SNI, where there is one. */
  #switchServer(name: string): void {
    if (name === "") return
    const said = name.toLowerCase().replace(/\.$/, "")
    const server = this.#servers.find(said)
    if (server === undefined) return
    server.keepNameGroups?.(this.record, said)
    this.#server = server
    this.record.serverName = server.name
  }

  #enter(): void {
    const { env } = this.#options.context
    const { set, target } = this.#server
    for (const [variable, template] of set)
      stateOf(this.record).values.set(variable, template.render(this.record, env))
    if (target.kind === "cluster") return this.#connect(target)
    if (target.kind === "pass") return this.#pass(target.address.render(this.record, env))
    if (target.kind === "none") return this.#finish(INTERNAL)
    const text = Buffer.from(target.text.render(this.record, env), "latin1")
    this.record.responseOctets = text.length
    this.record.status = OK
    this.#within(this.#server.settings.idleTimeoutMs, () => this.#socket.destroy())
    // Ended in the turn of its handshake, Node's TLS leaves out close_notify: to the client, the text was cut off.
    this.#socket.write(text, () => setImmediate(() => this.#socket.destroySoon()))
  }

  // ---- Another listener ------------------------------------------------------------------------------------------

  #pass(said: string): void {
    const { context, socket, passed, findListener, onOver } = this.#options
    const { connection } = this.record
    const remote = remoteOf(this.record)
    const passes = passed?.passes ?? 0
    const whom = { log: context.log, client: connection.remoteAddress }
    const found = findPassTarget(said, passes, whom, findListener)
    if (typeof found === "number") return this.#finish(found)
    this.#isOver = true
    this.#cancel()
    this.#preread.close()
    for (const each of [socket, this.#socket]) each.off("close", this.#onClosed)
    // As in nginx it counts here until it is closed, and has no line in the log.
    for (const run of this.#atEnd ?? []) socket.once("close", run)
    const { tls, proxied } = connection
    const { held } = this.#preread
    // Last: between the two it is never in neither place.
    found.take({ socket: this.#socket, held, tls, remote, local: found.local, proxied, passes: passes + 1 })
    onOver()
  }

  // ---- The endpoint ----------------------------------------------------------------------------------------------

  #connect({ find, name, tls, settingsFor }: Extract<TcpTarget, { kind: "cluster" }>): void {
    const { context } = this.#options
    const settings = settingsFor(this.record, context.env)
    const wanted = name.render(this.record, context.env)
    const cluster = find(wanted)
    if (cluster === undefined) {
      context.log.warn("no cluster or address", {
        said: wanted,
        client: this.record.connection.remoteAddress,
      })
      return this.#finish(INTERNAL)
    }
    this.cluster = cluster
    this.legs = new EndpointLegs({
      context,
      cluster,
      settings,
      tls,
      record: this.record,
      subject: this,
      header: sentHeader(this.record, settings),
      onConnected: (socket) => this.#join(socket, settings),
      onFailed: (what) => this.#refused(what),
    })
    this.legs.begin()
  }

  #refused({ httpStatus, message }: Failure): void {
    const { remoteAddress } = this.record.connection
    this.#options.context.log.info("a TCP session found no endpoint", {
      reason: message,
      client: remoteAddress,
    })
    this.#finish(httpStatus)
  }

  #join(endpoint: Socket, settings: SessionSettings): void {
    const { record } = this
    const relay = new Relay({
      context: this.#options.context,
      client: this.#socket,
      endpoint,
      settings,
      onActive(nowMs) {
        record.activeTicks = Math.trunc(nowMs / 100)
        record.requestOctets = relay.up.octets
        record.responseOctets = relay.down.octets
      },
      onFirstOctets: (nowMs) => this.legs!.answered(nowMs),
      onOver: () => this.#finish(OK),
    })
    this.relay = relay
    this.#socket.off("close", this.#onClosed)
    relay.begin(this.#preread.held)
  }

  // ---- The end ---------------------------------------------------------------------------------------------------

  /** By an order, or as the balancer closes or makes room. */
  abort(): void {
    if (this.relay === null) this.#finish(OK)
    else this.relay.end()
  }

  /** The client's socket, before it was joined to an endpoint's. */
  readonly #onClosed = (): void => {
    this.#finish(this.record.status || (this.#isShakingHands ? INTERNAL : OK))
  }

  #finish(status: number): void {
    if (this.#isOver) return
    this.#isOver = true
    const { context, socket, onOver } = this.#options
    const { record } = this
    this.#cancel()
    this.#preread.close()
    record.status = status
    record.endMs = Math.floor(context.clock.now())
    const { up, down } = this.relay ?? {}
    this.legs?.close(up?.octets ?? 0, down?.octets ?? 0)
    context.pacer.forget(this)
    for (const run of this.#atEnd ?? []) run()
    reportCall(context, this.#server.accessLogs, record, this.legs?.endpoint ?? null)
    onOver()
    this.#socket.destroy()
    socket.destroy()
  }

  #within(ms: number, onDue: () => void): void {
    this.#onDue = onDue
    this.#options.context.deadlines.set(this.#deadline, ms)
  }

  #cancel(): void {
    this.#options.context.deadlines.cancel(this.#deadline)
  }
}

function ignore(): void {}

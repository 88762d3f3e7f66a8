import { type Metadata, Metadata as NewMetadata, type ServerDuplexStream, status } from "@grpc/grpc-js"

/** What a later leg goes on from; `received` is set by the server once it has the state. */
export class Leg {
  readonly call: string
  readonly number: number
  readonly session: string
  /** Answers that the client has. Null: the call begins. */
  readonly delivered: number | null
  received = 0

  constructor(metadata: Metadata) {
    const said = (name: string) => metadata.get(`continuity-${name}`)[0]?.toString()
    this.call = said("call") ?? ""
    this.number = Number(said("leg") ?? 0)
    this.session = said("session") ?? this.call
    const delivered = said("delivered")
    this.delivered = delivered === undefined ? null : Number(delivered)
  }

  /** Before the first answer. */
  accept(call: ServerDuplexStream<Buffer, Buffer>): void {
    const head = new NewMetadata()
    head.set("continuity-accept", "handoff, resume")
    head.set("continuity-session", this.session)
    if (this.delivered !== null) head.set("continuity-received", String(this.received))
    call.sendMetadata(head)
  }

  /** Ends the leg: the proxy opens elsewhere, or tells its client why not. */
  end(call: ServerDuplexStream<Buffer, Buffer>, why: "handoff" | "refuse", reason: string): void {
    const metadata = new NewMetadata()
    metadata.set(`continuity-${why}`, why === "handoff" ? this.session : reason)
    if (why === "handoff") metadata.set("continuity-received", String(this.received))
    call.emit("error", { code: status.UNAVAILABLE, details: reason, metadata })
  }
}

import { describe, expect, test } from "vitest"
import * as dsl from "../../test/support/frame-dsl.ts"
import { Lab } from "../../test/support/memory-link.ts"
import { FrameType } from "./frame/types.ts"

const ACK = { ack: true }
const MAX_ID = 2 ** 31 - 1

/** `text` with its octet number `at` one higher. */
function oneOff(text: string, at: number): string {
  const octets = Buffer.from(text, "latin1")
  octets[at]! += 1
  return octets.toString("latin1")
}

const eight = [0, 1, 2, 3, 4, 5, 6, 7]

describe("theirs", () => {
  test.each(["12345678", "\0\0\0\0\0\0\0\0", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", "draining", "keepaliv"])(
    "%j is answered with its own octets",
    (payload) => {
      for (const role of ["server", "client"] as const) {
        const lab = new Lab(role)
        lab.send(dsl.ping(payload))
        expect(lab.said()).toEqual([`PING ACK ${payload}`])
        expect(lab.events.lines).toEqual([])
      }
    },
  )

  test("each is answered once and in turn", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, dsl.request), dsl.ping("11111111"), dsl.ping("22222222"), dsl.ping("11111111"))
    expect(lab.said()).toEqual(["PING ACK 11111111", "PING ACK 22222222", "PING ACK 11111111"])
  })

  test("flags other than ACK mean nothing", () => {
    const lab = new Lab("server")
    lab.send(dsl.frame(FrameType.PING, 0xfe, 0, Buffer.from("12345678")))
    expect(lab.said()).toEqual(["PING ACK 12345678"])
  })

  test.each([
    ["of 7 octets", dsl.frame(FrameType.PING, 0, 0, Buffer.alloc(7)), "FRAME_SIZE_ERROR"],
    ["of 9 octets", dsl.frame(FrameType.PING, 0, 0, Buffer.alloc(9)), "FRAME_SIZE_ERROR"],
    ["ACK of no octets", dsl.frame(FrameType.PING, 1, 0), "FRAME_SIZE_ERROR"],
    ["on stream 1", dsl.frame(FrameType.PING, 0, 1, Buffer.alloc(8)), "PROTOCOL_ERROR"],
    ["ACK on stream 1", dsl.frame(FrameType.PING, 1, 1, Buffer.alloc(8)), "PROTOCOL_ERROR"],
  ])("%s is an error", (_, frame, code) => {
    const lab = new Lab("server")
    lab.send(frame)
    expect(lab.said()).toEqual([`GOAWAY 0 ${code}`])
  })
})

describe("ours, for a sign of life", () => {
  const pinged = (): Lab => {
    const lab = new Lab("client")
    lab.connection.ping()
    expect(lab.said()).toEqual(["PING keepaliv"])
    return lab
  }

  test("is answered by the same octets", () => {
    const lab = pinged()
    lab.send(dsl.ping("keepaliv", ACK))
    expect(lab.events.take()).toEqual(["pong"])
    expect(lab.said()).toEqual([])
  })

  test.for(eight)("is not answered by others: octet %i is one off", (at) => {
    const lab = pinged()
    lab.send(dsl.ping(oneOff("keepaliv", at), ACK), dsl.ping("draining", ACK), dsl.ping("\0".repeat(8), ACK))
    expect(lab.events.take()).toEqual([])
    lab.send(dsl.ping("keepaliv", ACK))
    expect(lab.events.take()).toEqual(["pong"])
  })

  test("is not answered by a PING of the same octets", () => {
    const lab = pinged()
    lab.send(dsl.ping("keepaliv"))
    expect([lab.events.take(), lab.said()]).toEqual([[], ["PING ACK keepaliv"]])
  })

  test("is answered once; another answer is to no PING", () => {
    const lab = pinged()
    lab.send(dsl.ping("keepaliv", ACK), dsl.ping("keepaliv", ACK))
    expect(lab.events.take()).toEqual(["pong"])
  })

  test("two have two answers", () => {
    const lab = pinged()
    lab.connection.ping()
    lab.send(dsl.ping("keepaliv", ACK), dsl.ping("keepaliv", ACK), dsl.ping("keepaliv", ACK))
    expect(lab.events.take()).toEqual(["pong", "pong"])
  })

  test("an answer to none means nothing, and harms nothing", () => {
    const lab = new Lab("server")
    lab.send(dsl.ping("keepaliv", ACK), dsl.ping("draining", ACK), dsl.headers(1, dsl.request))
    expect(lab.events.take()).toEqual(["request 1 /test.Echo/Chat"])
    expect([lab.said(), lab.connection.isDraining]).toEqual([[], false])
  })
})

describe("the drain's (RFC 9113 §6.8)", () => {
  /** A server that drains, with stream 1 open. */
  const draining = (): Lab => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, dsl.request))
    lab.connection.drain("restart")
    expect(lab.said()).toEqual([`GOAWAY ${MAX_ID} NO_ERROR`, "PING draining"])
    lab.events.take()
    return lab
  }

  test("is answered by the same octets: what came before is taken, what comes after is not", () => {
    const lab = draining()
    lab.send(dsl.headers(3, dsl.request), dsl.ping("draining", ACK), dsl.headers(5, dsl.request))
    expect(lab.said()).toEqual(["GOAWAY 3 NO_ERROR"])
    expect(lab.events.take()).toEqual(["request 3 /test.Echo/Chat"])
  })

  test.for(eight)(
    "is not answered by others, so streams on their way are taken: octet %i is one off",
    (at) => {
      const lab = draining()
      lab.send(dsl.ping(oneOff("draining", at), ACK), dsl.headers(3, dsl.request))
      expect([lab.said(), lab.events.take()]).toEqual([[], ["request 3 /test.Echo/Chat"]])
      lab.send(dsl.ping("draining", ACK))
      expect(lab.said()).toEqual(["GOAWAY 3 NO_ERROR"])
    },
  )

  test("is not answered by the answer to a sign of life, nor the other way about", () => {
    const lab = draining()
    lab.connection.ping()
    lab.said()
    lab.send(dsl.ping("keepaliv", ACK), dsl.headers(3, dsl.request))
    expect([lab.said(), lab.events.take()]).toEqual([[], ["pong", "request 3 /test.Echo/Chat"]])
    lab.send(dsl.ping("draining", ACK))
    expect([lab.said(), lab.events.take()]).toEqual([["GOAWAY 3 NO_ERROR"], []])
  })

  test("is answered once: twice is no second GOAWAY", () => {
    const lab = draining()
    lab.send(dsl.ping("draining", ACK), dsl.ping("draining", ACK))
    expect([lab.said(), lab.events.take()]).toEqual([["GOAWAY 1 NO_ERROR"], []])
  })

  test("keeps a connection whose last stream has ended until it is answered", () => {
    const lab = draining()
    lab.send(dsl.rstStream(1))
    expect([lab.connection.isClosed, lab.said()]).toEqual([false, []])
    lab.send(dsl.headers(3, dsl.request), dsl.ping("draining", ACK))
    expect([lab.connection.isClosed, lab.said()]).toEqual([false, ["GOAWAY 3 NO_ERROR"]])
    lab.send(dsl.rstStream(3))
    expect(lab.connection.isClosed).toBe(true)
  })

  test("keeps an idle connection until it is answered", () => {
    const lab = new Lab("server")
    lab.connection.drain("restart")
    lab.send(dsl.ping("drainin\0", ACK))
    expect(lab.connection.isClosed).toBe(false)
    lab.send(dsl.ping("draining", ACK))
    expect(lab.connection.isClosed).toBe(true)
  })
})

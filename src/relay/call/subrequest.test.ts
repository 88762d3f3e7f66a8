import { describe, expect, test } from "vitest"
import { CallBed, type CallBedOptions, type CallOfBed, settled } from "../../../test/support/call-bed.ts"
import { stateOf } from "../../record/request-state.ts"
import type { SubrequestEnd } from "../route/route.ts"
import { beginSubrequest } from "./subrequest.ts"

/** A call, and what it asks a location of its own server. */
async function ask(
  uri: string,
  options: { bed?: CallBedOptions; request?: Parameters<CallBed["call"]>[0]; bodyOctetsMax?: number } = {},
): Promise<{ bed: CallBed; call: CallOfBed; ends: SubrequestEnd[]; giveUp: () => void }> {
  const bed = new CallBed(options.bed)
  const call = await bed.call(options.request)
  bed.take()
  const ends: SubrequestEnd[] = []
  const giveUp = beginSubrequest(bed.context, call.call, uri, (end) => ends.push(end), options.bodyOctetsMax)
  await settled()
  return { bed, call, ends, giveUp }
}

describe("what a location of the call's own server is asked", () => {
  test("a GET of its path, with the request's fields but none of its body's", async () => {
    const fields = ["x-a", "1", "content-length", "5", "expect", "100-continue"]
    const { bed } = await ask("/auth?a=b", { request: { fields } })
    expect(bed.take()).toEqual(["leg1 open 127.0.0.1:2 /auth?a=b, x-a: 1 END"])
    const { bed: plain } = await ask("/auth")
    expect(plain.take()).toEqual(["leg1 open 127.0.0.1:2 /auth END"])
  })

  test("in the state of the call: its variables, its real client, and that it is asked", async () => {
    const { bed, call, ends } = await ask("/auth")
    const state = stateOf(call.call.record)
    call.leg.head(204, [], true)
    const own = stateOf(ends[0]!.record as never)
    expect(own.values).toBe(state.values)
    expect(own).toMatchObject({
      uri: "/auth",
      args: "",
      isRewritten: true,
      isInternal: true,
      isSubrequest: true,
    })
    expect(ends[0]!.record).toMatchObject({ method: "POST", path: "/s/m" })
    expect(bed.records).toEqual([])
  })
})

describe("whose it is", () => {
  test("a path that begins with a question has arguments alone", async () => {
    const { call, ends } = await ask("?a=b")
    call.leg.head(204, [], true)
    const own = stateOf(ends[0]!.record as never)
    expect(own).toMatchObject({ uri: "", args: "a=b" })
  })

  test("it has the real client of its call, and its token", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    const realClient = { address: "203.0.113.7", port: 4000 }
    const token = { claims: {} } as never
    Object.assign(stateOf(call.call.record), { realClient, token })
    const ends: SubrequestEnd[] = []
    beginSubrequest(bed.context, call.call, "/auth", (end) => ends.push(end))
    await settled()
    call.leg.head(204, [], true)
    expect(stateOf(ends[0]!.record as never)).toMatchObject({ realClient, token })
  })

  test("where its location cannot be found in time the server itself answers", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    const { route } = call.call
    const ends: SubrequestEnd[] = []
    const host = { ...route.host, find: () => "limit" as const, fallback: route }
    const asking = { record: call.call.record, isGrpc: true, route: { ...route, host } }
    beginSubrequest(bed.context, asking as never, "/auth", (end) => ends.push(end))
    await settled()
    call.leg.head(204, [], true)
    expect(ends).toMatchObject([{ status: 204 }])
  })
})

describe("what it answers", () => {
  test("is told at its head, once; of the rest nothing is wanted", async () => {
    const { bed, call, ends } = await ask("/auth")
    bed.take()
    call.leg.head(200, ["x-who", "ann"])
    expect(ends).toMatchObject([{ status: 200, body: null }])
    expect(ends[0]!.record.responseHeaders!.get("x-who")).toBe("ann")
    call.leg.data("abc")
    await settled()
    expect(bed.take()).toEqual(["leg1 credit 3", "leg1 reset CANCEL", "release 127.0.0.1:2"])
    expect([ends.length, bed.context.deadlines.size]).toEqual([1, 0])
  })

  test("an interim head is none", async () => {
    const { call, ends } = await ask("/auth")
    call.leg.owner.onInformational({ list: call.call.record.requestHeaders, status: 103, contentLength: -1 })
    expect(ends).toEqual([])
    call.leg.head(401, [], true)
    expect(ends).toMatchObject([{ status: 401 }])
  })

  test("of a head alone leaves nothing open", async () => {
    const { bed, call, ends } = await ask("/auth")
    bed.take()
    call.leg.head(204, [], true)
    expect(ends).toMatchObject([{ status: 204 }])
    expect(bed.take()).toEqual(["release 127.0.0.1:2"])
    // The call that asked is what is left.
    expect(bed.context.admission.streamsOpen).toBe(1)
  })

  test("is asked for without a body, which no route can find too large", async () => {
    const { bed, ends } = await ask("/auth", { bed: { settings: { maxBodyOctets: 0 } } })
    bed.legs[1]!.head(204, [], true)
    expect(ends).toMatchObject([{ status: 204 }])
  })

  test("that no backend can be reached is 502", async () => {
    const bed = new CallBed({ endpoints: 0 })
    const call = await bed.call({ ended: true })
    const ends: SubrequestEnd[] = []
    beginSubrequest(bed.context, call.call, "/auth", (end) => ends.push(end))
    expect(ends).toMatchObject([{ status: 502 }])
    expect(bed.context.deadlines.size).toBe(0)
  })

  test("a backend that resets is 502", async () => {
    const { call, ends } = await ask("/auth", { bed: { endpoints: 1 } })
    call.leg.breaks({ code: 2 })
    expect(ends).toMatchObject([{ status: 502 }])
  })

  test("none in time is 504", async () => {
    const { bed, ends } = await ask("/auth", { bed: { limits: { subrequestTimeoutMs: 1000 } } })
    bed.take()
    bed.clock.advance(990)
    expect(ends).toEqual([])
    bed.clock.advance(30)
    expect(ends).toMatchObject([{ status: 504 }])
    expect(bed.counters.get("subrequest_timeout")).toBe(1)
    expect(bed.take()).toEqual(["leg1 reset CANCEL", "release 127.0.0.1:2"])
    bed.clock.advance(5000)
    expect(ends).toHaveLength(1)
  })

  test("nothing once it is given up", async () => {
    const { bed, call, ends, giveUp } = await ask("/auth")
    const { leg } = call
    bed.take()
    giveUp()
    expect(bed.take()).toEqual(["leg1 reset CANCEL", "release 127.0.0.1:2"])
    expect(bed.context.deadlines.size).toBe(0)
    leg.head(200)
    giveUp()
    bed.clock.advance(60_000)
    expect([ends.length, bed.context.deadlines.size]).toEqual([0, 0])
  })

  test("is neither logged nor added to", async () => {
    const settings = {
      accessLogs: [{}] as never,
      addHeaders: [{ name: "x-add", template: "1", always: true }],
    }
    const { bed, call, ends } = await ask("/auth", { bed: { settings } })
    bed.take()
    call.leg.head(204, [], true)
    await settled()
    expect(bed.take().filter((line) => line.startsWith("log"))).toEqual([])
    expect(ends[0]!.record.responseHeaders!.get("x-add")).toBe(undefined)
  })
})

describe("a question that is over", () => {
  test("is so once: what comes later changes nothing", async () => {
    const { bed, call, ends, giveUp } = await ask("/auth")
    bed.take()
    call.leg.head(200, [], true)
    const lines = bed.take()
    giveUp()
    await settled()
    bed.clock.advance(60_000)
    expect([ends.length, bed.take(), bed.counters.get("subrequest_timeout")]).toEqual([1, [], 0])
    expect(lines.filter((line) => line.includes("reset"))).toEqual([])
  })

  test("whose answer is a head alone is not broken off", async () => {
    const { bed, call } = await ask("/keys", { bodyOctetsMax: 9 })
    bed.take()
    call.leg.head(200)
    call.leg.data("abc", true)
    await settled()
    expect(bed.take().filter((line) => line.includes("reset"))).toEqual([])
  })

  test("keeps no octets that are not wanted", async () => {
    const { bed, call, ends } = await ask("/auth", { bodyOctetsMax: 0 })
    call.leg.head(200)
    call.leg.data("abc")
    await settled()
    expect(ends).toMatchObject([{ status: 200, body: null }])
    expect(bed.records).toEqual([])
  })

  test("gives credit for what it reads", async () => {
    const { bed, call } = await ask("/keys", { bodyOctetsMax: 9 })
    call.leg.head(200)
    bed.take()
    call.leg.data("abc")
    expect(bed.take()).toEqual(["leg1 credit 3"])
  })
})

describe("a body that is wanted", () => {
  test("of one octet is wanted too", async () => {
    const { call, ends } = await ask("/keys", { bodyOctetsMax: 1 })
    call.leg.head(200)
    expect(ends).toEqual([])
    call.leg.data("a", true)
    expect(String(ends[0]!.body)).toBe("a")
  })

  test("is told once it is whole", async () => {
    const { call, ends } = await ask("/keys", { bodyOctetsMax: 5 })
    call.leg.head(200)
    call.leg.data("ab")
    expect(ends).toEqual([])
    call.leg.data("cde", true)
    expect(ends).toMatchObject([{ status: 200 }])
    expect(String(ends[0]!.body)).toBe("abcde")
  })

  test("none where it is longer, and then it is not waited for", async () => {
    const { bed, call, ends } = await ask("/keys", { bodyOctetsMax: 4 })
    bed.take()
    call.leg.head(200)
    call.leg.data("ab")
    call.leg.data("cde")
    expect(ends).toMatchObject([{ status: 200, body: null }])
    await settled()
    expect(bed.take().at(-2)).toBe("leg1 reset CANCEL")
    const { call: whole, ends: wholeEnds } = await ask("/keys", { bodyOctetsMax: 4 })
    whole.leg.head(200)
    whole.leg.data("abcde", true)
    expect(wholeEnds).toMatchObject([{ status: 200, body: null }])
  })

  test("none where the head is all", async () => {
    const { call, ends } = await ask("/keys", { bodyOctetsMax: 4 })
    call.leg.head(304, [], true)
    expect(ends).toMatchObject([{ status: 304, body: null }])
  })
})

import { describe, expect, test } from "vitest"
import { RouteBed } from "../../../test/support/route-bed.ts"

/** What a call came to, and the variable that says how it was limited. */
function limited(bed: RouteBed, path: string, isSubrequest = false): string {
  const call = bed.begin(path, (state) => (state.isSubrequest = isSubrequest))
  return `${call.said} ${call.record.state?.limitReqStatus ?? call.record.state?.limitConnStatus ?? "-"}`
}
const many = (bed: RouteBed, path: string, times: number): string[] =>
  Array.from({ length: times }, () => limited(bed, path))

describe("limit_req", () => {
  const zones = "limit_req_zone $arg_k zone=slow:1m rate=2r/s; limit_req_zone $arg_j zone=other:1m rate=1r/s;"
  const REFUSED = "503 request_limit: more requests than zone slow lets in REJECTED"
  const at = (text: string): RouteBed =>
    new RouteBed(`${zones} server { listen 80; location / { ${text} grpc_pass c1; } }`)

  test("what comes sooner than the rate is refused", () => {
    const bed = at("limit_req zone=slow;")
    expect(many(bed, "/?k=a", 2)).toEqual(["to c1 PASSED", REFUSED])
    expect(limited(bed, "/?k=b")).toBe("to c1 PASSED")
    bed.clock.advance(499)
    expect(limited(bed, "/?k=a")).toBe(REFUSED)
    bed.clock.advance(1)
    expect(limited(bed, "/?k=a")).toBe("to c1 PASSED")
    expect(bed.counters.get("requests_limited")).toBe(2)
    expect(bed.log.saying("limiting requests")[0]).toEqual({ zone: "slow", excess: 1, client: "192.0.2.1" })
  })

  test("a burst and a delay are kept to a thousandth of a request", () => {
    const burst = at("limit_req zone=other burst=2 nodelay;")
    for (let at = 0; at < 3; at++) expect(burst.ask("/?j=a")).toBe("to c1")
    burst.clock.advance(999)
    expect(burst.ask("/?j=a")).toBe("503 request_limit: more requests than zone other lets in")
    burst.clock.advance(1)
    expect(burst.ask("/?j=a")).toBe("to c1")
    const delay = at("limit_req zone=other burst=5 delay=1;")
    expect(many(delay, "/?j=a", 2)).toEqual(["to c1 PASSED", "to c1 PASSED"])
    delay.clock.advance(999)
    expect(limited(delay, "/?j=a")).toBe("waits DELAYED")
  })

  test("a delay ends in whole milliseconds, those begun left out", () => {
    const bed = new RouteBed(
      `limit_req_zone $arg_k zone=thirds:1m rate=3r/s;
       server { listen 80; location / { limit_req zone=thirds burst=5; grpc_pass c1; } }`,
    )
    bed.ask("/?k=a")
    bed.clock.advance(1)
    // 997 thousandths at 3 a second: 332.3 ms, to the next tick of 4 and one more.
    const call = bed.begin("/?k=a")
    bed.clock.advance(334)
    expect(call.said).toBe("waits")
    bed.clock.advance(1)
    expect(call.said).toBe("to c1")
  })

  test("without a key nothing is counted, nor with one of more than 65,535 octets", () => {
    const bed = at("limit_req zone=slow;")
    expect(many(bed, "/", 3)).toEqual(Array(3).fill("to c1 -"))
    expect(many(bed, `/?k=${"x".repeat(65_535)}`, 2)).toEqual(["to c1 PASSED", REFUSED])
    expect(many(bed, `/?k=${"x".repeat(65_536)}`, 2)).toEqual(["to c1 -", "to c1 -"])
  })

  test("a burst without delay passes at once", () => {
    const bed = at("limit_req zone=slow burst=2 nodelay; limit_req_status 429;")
    expect(many(bed, "/?k=a", 4)).toEqual([
      "to c1 PASSED",
      "to c1 PASSED",
      "to c1 PASSED",
      "429 request_limit: more requests than zone slow lets in REJECTED",
    ])
  })

  test("a burst waits until the rate lets it pass", () => {
    const bed = at("limit_req zone=slow burst=5 delay=1;")
    expect(many(bed, "/?k=a", 2)).toEqual(["to c1 PASSED", "to c1 PASSED"])
    const [first, second] = [bed.begin("/?k=a"), bed.begin("/?k=a")]
    expect([first.said, second.said]).toEqual(["waits", "waits"])
    expect(first.record.state!.limitReqStatus).toBe("DELAYED")
    bed.clock.advance(499)
    expect(first.said).toBe("waits")
    // To the next tick of the wheel.
    bed.clock.advance(1 + 8)
    expect([first.said, second.said]).toEqual(["to c1", "waits"])
    bed.clock.advance(491)
    expect(second.said).toBe("waits")
    bed.clock.advance(8)
    expect(second.said).toBe("to c1")
  })

  test("one that is given up leaves no timer", () => {
    const bed = at("limit_req zone=slow burst=5;")
    bed.begin("/?k=a")
    const call = bed.begin("/?k=a")
    call.waiting!.cancel()
    expect(bed.context.deadlines.size).toBe(0)
    bed.clock.advance(1000)
    expect(call.said).toBe("waits")
  })

  test("of several the longest delay counts, and a refusal counts nothing", () => {
    const bed = at("limit_req zone=slow burst=9; limit_req zone=other burst=1;")
    expect(limited(bed, "/?k=a&j=a")).toBe("to c1 PASSED")
    const second = bed.begin("/?k=a&j=a")
    expect(many(bed, "/?k=a&j=a", 3)).toEqual(
      Array(3).fill("503 request_limit: more requests than zone other lets in REJECTED"),
    )
    bed.clock.advance(999)
    expect(second.said).toBe("waits")
    bed.clock.advance(9)
    expect(second.said).toBe("to c1")
    // Those that were refused are not counted in the first zone.
    bed.clock.advance(492)
    const third = bed.begin("/?k=a")
    expect(third.said).toBe("to c1")
  })

  test("a dry run says what would be, and lets all by", () => {
    const bed = at("limit_req zone=slow burst=1; limit_req_dry_run on;")
    expect(many(bed, "/?k=a", 3)).toEqual(["to c1 PASSED", "to c1 DELAYED_DRY_RUN", "to c1 REJECTED_DRY_RUN"])
    expect(bed.counters.get("requests_limited")).toBe(0)
    expect(bed.log.saying("limiting requests, dry run")).toHaveLength(1)
  })

  test("a request is counted once, whatever locations it comes through, and none that the configuration asks", () => {
    const bed = new RouteBed(
      `${zones} server { listen 80; location / { limit_req zone=slow; grpc_pass c1; }
       location /twice { limit_req zone=slow burst=5 nodelay; error_page 404 /x; grpc_pass c1; } }`,
    )
    expect(limited(bed, "/?k=a", true)).toBe("to c1 -")
    expect(many(bed, "/?k=a", 1)).toEqual(["to c1 PASSED"])
    const call = bed.begin("/?k=a", (state) => (state.limitReqStatus = "PASSED"))
    expect(call.said).toBe("to c1")
  })
})

describe("limit_conn", () => {
  const zones = "limit_conn_zone $arg_k zone=few:1m; limit_conn_zone $arg_j zone=one:1m;"
  const at = (text: string): RouteBed =>
    new RouteBed(`${zones} server { listen 80; location / { ${text} grpc_pass c1; } }`)
  const REFUSED = "503 stream_limit: more streams than zone few lets in"

  test("streams of a key, until they are over", () => {
    const bed = at("limit_conn few 2;")
    const [first, second] = [bed.begin("/?k=a"), bed.begin("/?k=a")]
    expect([first.said, second.said]).toEqual(["to c1", "to c1"])
    expect(first.record.state!.limitConnStatus).toBe("PASSED")
    expect(limited(bed, "/?k=a")).toBe(`${REFUSED} REJECTED`)
    expect(bed.ask("/?k=b")).toBe("to c1")
    first.end()
    expect(bed.ask("/?k=a")).toBe("to c1")
    expect(bed.ask("/?k=a")).toBe(REFUSED)
    expect(bed.counters.get("streams_limited")).toBe(2)
    expect(bed.log.saying("limiting streams")[0]).toEqual({ zone: "few", client: "192.0.2.1" })
  })

  test("without a key none is counted, nor with one of more than 255 octets", () => {
    const bed = at("limit_conn few 1;")
    expect(many(bed, "/", 3)).toEqual(Array(3).fill("to c1 -"))
    const longest = `/?k=${"x".repeat(255)}`
    expect(many(bed, longest, 2)).toEqual(["to c1 PASSED", `${REFUSED} REJECTED`])
    expect(many(bed, `${longest}x`, 2)).toEqual(["to c1 -", "to c1 -"])
  })

  test("one that is refused gives back what other zones counted", () => {
    const bed = at("limit_conn few 2; limit_conn one 1;")
    const first = bed.begin("/?k=a&j=a")
    for (let at = 0; at < 3; at++)
      expect(bed.ask("/?k=a&j=a")).toBe("503 stream_limit: more streams than zone one lets in")
    expect(bed.ask("/?k=a&j=b")).toBe("to c1")
    expect(bed.ask("/?k=a&j=c")).toBe(REFUSED)
    first.end()
    expect(bed.ask("/?k=a&j=a")).toBe("to c1")
  })

  test("with a status of its own, in a dry run, and of what the configuration asks", () => {
    const bed = at("limit_conn few 1; limit_conn_status 429;")
    expect(many(bed, "/?k=a", 2)[1]).toBe("429 stream_limit: more streams than zone few lets in REJECTED")
    expect(limited(bed, "/?k=a", true)).toBe("to c1 -")
    const known = bed.begin("/?k=a", (state) => (state.limitConnStatus = "PASSED"))
    expect(known.said).toBe("to c1")
    const dry = at("limit_conn few 1; limit_conn_dry_run on;")
    expect(many(dry, "/?k=a", 2)).toEqual(["to c1 PASSED", "to c1 REJECTED_DRY_RUN"])
    expect(dry.counters.get("streams_limited")).toBe(0)
    expect(dry.log.saying("limiting streams, dry run")).toHaveLength(1)
  })
})

import { describe, expect, test } from "vitest"
import { readRunnerOutput } from "./connect/suite.ts"
import { readReport } from "./h2spec/h2specd-report.ts"
import { readJunit } from "./h2spec/junit.ts"
import { readPythonOutput } from "./interop/python-client.ts"

describe("h2spec's JUnit report", () => {
  const report = (cases: string) =>
    `<?xml version="1.0"?><testsuites><testsuite>${cases}</testsuite></testsuites>`

  test("a case with nothing inside has passed", () => {
    const passed = `<testcase package="http2/3.5" classname="Sends client connection preface" time="0.0"></testcase>`
    expect(readJunit(report(passed + passed))).toEqual({ cases: 2, failed: [] })
  })

  test("a failure and an error both count, with their words unescaped", () => {
    const xml = report(
      `<testcase package="http2/6.1" classname="Sends &#34;x&#34;" time="0"><failure>a &lt; b</failure></testcase>
       <testcase package="hpack/5.2" classname="Sends y" time="0"><error>GOAWAY\nTimeout</error></testcase>`,
    )
    expect(readJunit(xml)).toEqual({
      cases: 2,
      failed: [
        { name: 'http2/6.1 Sends "x"', reason: "a < b" },
        { name: "hpack/5.2 Sends y", reason: "GOAWAY Timeout" },
      ],
    })
  })

  test("a skipped case is not a passed one", () => {
    const xml = report(
      `<testcase package="http2/6.9.2" classname="Sends z" time="0"><skipped></skipped></testcase>`,
    )
    expect(readJunit(xml).failed).toEqual([{ name: "http2/6.9.2 Sends z", reason: "skipped" }])
  })
})

test("h2specd's page tells each case's section, port, mark and reason", () => {
  const line = (color: string, mark: string, port: number, name: string) =>
    `<div><span style="color: ${color};">${mark}</span><a href="http://127.0.0.1:${port}/" target="_blank">http://127.0.0.1:${port}/</a>${name}</div>`
  const page = `<div>3 tests, 1 passed, 0 skipped, 1 failed</div><div>HTTP/2 client</div><div>6.7. PING</div>${line("green", "✔", 20001, "Sends a PING frame")}${line("red", "✖", 20002, "Sends a short PING")}<div style="padding-left: 20px; color: red">-> The endpoint MUST close</div><div style="padding-left: 30px; color: yellow">Expected:&nbsp;GOAWAY</div><br><div>6.8. GOAWAY</div>${line("red", "&nbsp;&nbsp;", 20003, "Sends a GOAWAY frame")}`
  expect(readReport(page)).toEqual([
    { port: 20001, name: "6.7 Sends a PING frame", outcome: "passed", reason: "" },
    {
      port: 20002,
      name: "6.7 Sends a short PING",
      outcome: "failed",
      reason: "-> The endpoint MUST close Expected: GOAWAY",
    },
    { port: 20003, name: "6.8 Sends a GOAWAY frame", outcome: "not called", reason: "" },
  ])
})

describe("connectrpc's runner", () => {
  test("names its failures with the first line of why", () => {
    const output = `FAILED: Basic/HTTPVersion:2/unary/success:
	expecting 1 response messages but instead got 0
	actual error: unavailable

Total cases: 372
371 passed, 1 failed
`
    expect(readRunnerOutput(output)).toEqual({
      cases: 372,
      failed: [
        {
          name: "Basic/HTTPVersion:2/unary/success",
          reason: "expecting 1 response messages but instead got 0",
        },
      ],
    })
  })

  test("is not believed when it ends early or does not name all it counts", () => {
    expect(() => readRunnerOutput("could not start server\n")).toThrow("did not finish")
    expect(() => readRunnerOutput("Total cases: 2\n1 passed, 1 failed\n")).toThrow("names 0")
  })
})

test("the Python client's lines are counted, and only a finished run is believed", () => {
  const output = "passed empty_unary\nfailed ping_pong AssertionError('the size is 1, not 9')\ndone\n"
  expect(readPythonOutput(output)).toEqual({
    cases: 2,
    failed: [{ name: "ping_pong", reason: "AssertionError('the size is 1, not 9')" }],
  })
  expect(() => readPythonOutput("passed empty_unary\n")).toThrow("did not finish")
})

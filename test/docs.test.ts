import { existsSync, readdirSync } from "node:fs"
import { posix } from "node:path"
import { describe, expect, test } from "vitest"
import { counterNames } from "../src/base/counters.ts"
import { GrpcStatus } from "../src/grpc/status.ts"
import { failure, failureKinds } from "../src/record/failure.ts"
import { anchors, documents, fences, links, pathInRepo, readText } from "./support/markdown.ts"

describe("every link leads somewhere", () => {
  test.each(documents)("%s", (path) => {
    const broken = links(readText(path)).filter(
      (target) => !/^https?:/.test(target) && !leadsSomewhere(path, target),
    )
    expect(broken).toEqual([])
  })
})

function leadsSomewhere(from: string, target: string): boolean {
  const [file, anchor] = target.split("#") as [string, string?]
  const path = file === "" ? from : posix.join(posix.dirname(from), file)
  if (!existsSync(pathInRepo(path))) return false
  return anchor === undefined || !path.endsWith(".md") || anchors(readText(path)).has(anchor)
}

test.each(documents)("%s is text, for whatever shows it", (path) => {
  expect(/[\x00-\x08\x0b-\x1f\x7f]/.exec(readText(path))).toBe(null)
})

describe("docs/errors.md", () => {
  const text = readText("docs/errors.md")
  const sections = new Map(
    text.split(/^### /m).map((section) => [section.slice(0, section.indexOf("\n")), section]),
  )

  test.each(failureKinds)("explains %s with the statuses that clients get", (kind) => {
    const { grpcStatus, httpStatus } = failure(kind, "")
    const [name] = Object.entries(GrpcStatus).find(([, code]) => code === grpcStatus)!
    const [, told] = /^- (\*\*gRPC.*?\*\*HTTP\*\* \d+)/m.exec(sections.get(kind) ?? "") ?? []
    expect(told).toBe(`**gRPC** ${grpcStatus} ${name}. **HTTP** ${httpStatus}`)
  })

  test.each(failureKinds)("has the messages of %s as the code forms them", (kind) => {
    const said = /^- Messages?: (.*?)(?=^- )/ms.exec(sections.get(kind)!)![1]!
    const forms = [...said.matchAll(/`([^`]+)`/g)].map(([, form]) => form!)
    expect(forms.length).toBeGreaterThan(0)
    const literal = forms
      .flatMap((form) => form.split(/<[^>]*>|\([A-Z_]+\)/))
      .map((piece) => piece.replace(/^[:, ]+|[: ]+$/g, ""))
    expect(literal.filter((piece) => !sources.includes(piece))).toEqual([])
  })

  test("says what to make of each counter", () => {
    const told = [...text.matchAll(/^\| `([a-z0-9_]+)` \| \S/gm)].map(([, name]) => name!)
    expect([...told].sort()).toEqual([...counterNames].sort())
  })

  test("has each code that ends a connection", () => {
    const sent = [...sources.matchAll(/\bfault\(\s*ErrorCode\.([A-Z_0-9]+)/g)].map(([, code]) => code!)
    const told = [...text.matchAll(/^\| ([A-Z_0-9]+) \|/gm)].map(([, code]) => code!)
    expect([...told].sort()).toEqual([...new Set(sent)].sort())
  })
})

/** The code that forms messages. */
const sources = readdirSync(pathInRepo("src"), { recursive: true, encoding: "utf8" })
  .map((name) => `src/${name}`)
  .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
  .map(readText)
  .join("\n")

test("CONTRIBUTING.md says why each dependency is there, and of no other", () => {
  const { dependencies, devDependencies, peerDependencies } = JSON.parse(readText("package.json")) as Record<
    string,
    Record<string, string>
  >
  const text = readText("CONTRIBUTING.md").split("## Why each dependency")[1]!
  const told = [...text.matchAll(/`((?:@[\w-]+\/)?[\w.-]+)`(?=[^\n]*\|)/g)].map(([, name]) => name!)
  const used = Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies })
  expect([...new Set(told)].sort()).toEqual(used.sort())
})

test("the README's figures are those of the last conformance run", () => {
  const { suites } = JSON.parse(readText("docs/conformance.json")) as {
    suites: Record<string, { counts: Record<string, { passed: number; cases: number }> }>
  }
  const { passed, cases } = suites.h2spec!.counts.sluice!
  for (const readme of ["README.md", "README.zh-CN.md"])
    expect(readText(readme)).toMatch(new RegExp(`h2spec.* ${cases} .*\\| ${passed} \\|$`, "m"))
})

test("both READMEs show the same commands, code and documents", () => {
  const [english, chinese] = [readText("README.md"), readText("README.zh-CN.md")]
  // Pictures are in the language of their page.
  const targets = (text: string) =>
    new Set(
      links(text)
        .filter((target) => !target.startsWith("README"))
        .map((target) => target.replace(".zh-CN.png", ".png")),
    )
  expect(fences(chinese, "ts")).toEqual(fences(english, "ts"))
  expect(fences(chinese, "text")).toEqual(fences(english, "text"))
  expect(fences(chinese, "bash")).toEqual(expect.arrayContaining(fences(english, "bash")))
  expect([...targets(english)].filter((target) => !targets(chinese).has(target))).toEqual([])
})

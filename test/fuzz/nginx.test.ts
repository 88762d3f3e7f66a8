import fc from "fast-check"
import { expect, test } from "vitest"
import { readNginxConfig } from "../../src/config/nginx/read.ts"
import { CORPUS, type Place, wholeFile } from "../../src/config/nginx/testdata/corpus.ts"
import { renderProblem } from "../../src/config/problem.ts"

const RUNS = Number(process.env.FUZZ_RUNS ?? 100_000)
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)

/** Pieces that mean something to the lexer or the adapter, so that random files get past the first character. */
const PIECES = [
  ..."{};#\"'\\$ \t\r\n=~^*@/.:-[]()".split(""),
  ..."events {} http { server { location / { upstream a { listen 8080 ; } } $ { } $host $nope grpc_pass grpc://a grpcs://a".split(
    " ",
  ),
  ..."server_name *.x ~^(a+)+$ .y access_log x.log main off buffer=1k if=$status log_format escape=json include".split(
    " ",
  ),
  ..."127.0.0.1:3000 weight=1 max_fails=0 fail_timeout=1s backup down keepalive 32 least_conn return 204 error_page".split(
    " ",
  ),
  ..."add_header grpc-status 14 always internal try_files =404 @a 1h30m 10k on \ufeff 聊天 \u0000 \ud800".split(
    " ",
  ),
]

const soup = fc.array(fc.constantFrom(...PIECES), { maxLength: 60 }).map((pieces) => pieces.join(" "))
const tight = fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((pieces) => pieces.join(""))
const octets = fc.string({ unit: "binary", maxLength: 80 })

/** A case of the corpus with a cut, a copied part or a piece put somewhere. */
const mutated = fc
  .tuple(
    fc.constantFrom(...(Object.keys(CORPUS) as Place[])),
    fc.nat(),
    fc.nat(),
    fc.nat({ max: 30 }),
    fc.constantFrom(...PIECES, ""),
  )
  .map(([place, pick, at, cut, piece]) => {
    const cases = CORPUS[place]
    const text = wholeFile(place, cases[pick % cases.length]![0].slice(0, 300))
    const from = at % text.length
    return text.slice(0, from) + piece + text.slice(from + cut)
  })

/** Includes lead to the same text again, or to nothing. */
function read(text: string) {
  const files = {
    read(path: string) {
      if (path.endsWith(".log")) throw new Error("no such file")
      return new TextEncoder().encode(text)
    },
    list: () => ["a.conf", "b.conf"],
  }
  return readNginxConfig(text, "dir/nginx.conf", files)
}

test(`no text makes the nginx.conf reader throw or hang (seed ${seed}, ${RUNS} runs)`, {
  timeout: 60_000 + RUNS * 10,
}, () => {
  fc.assert(
    fc.property(fc.oneof(soup, tight, mutated, octets), (text) => {
      const { config, problems, sources } = read(text)
      const errors = problems.filter(({ severity }) => severity === "error")
      expect(config === null).toBe(errors.length > 0)
      const lines = text.split("\n").length
      for (const problem of problems) {
        if (problem.line > lines || problem.column < 0 || problem.length < 1)
          throw new Error(JSON.stringify(problem))
      }
      if (problems.length > 0) renderProblem(problems[0]!, sources, { color: true })
    }),
    { numRuns: RUNS, seed, verbose: fc.VerbosityLevel.None },
  )
})

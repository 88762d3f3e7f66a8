/**
 * Every input of the corpus once more: what reached new code when the corpus was made, and what was found wrong before.
 * `npm run fuzz` makes new ones.
 */
import { expect, test } from "vitest"
import { readCorpus } from "./engine/finding.ts"
import { targets } from "./targets/index.ts"

const CORPUS_OCTETS_MAX = 1024 * 1024

test.each(Object.entries(targets))("%s", async (name, { load, maxOctets, missing }) => {
  const lacks = missing?.() ?? null
  if (lacks !== null) return console.log(`skipped: the corpus of ${name} ${lacks}`)
  const target = await load()
  const corpus = readCorpus(name)
  expect(corpus.length, "files").toBeGreaterThan(0)
  for (const { name: file, octets } of corpus) {
    expect(octets.length, file).toBeLessThanOrEqual(maxOctets)
    try {
      await target.run(octets)
    } catch (error) {
      throw new Error(`test/fuzz/corpus/${name}/${file}`, { cause: error })
    }
  }
})

test("the corpus stays small", () => {
  const octets = Object.keys(targets).flatMap((name) => readCorpus(name).map((file) => file.octets.length))
  expect(octets.reduce((sum, length) => sum + length, 0)).toBeLessThan(CORPUS_OCTETS_MAX)
})

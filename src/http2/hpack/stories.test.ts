/**
 * The stories of http2jp/hpack-test-case: header blocks made by nine other encoders, and lists for ours to encode.
 * They are read from `../shared/vectors/hpack` beside the repository, where present.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { HeaderList } from "../header-list.ts"
import { HpackDecoder } from "./decoder.ts"
import { HpackEncoder } from "./encoder.ts"

const LIMITS = { maxFields: 1000, maxOctets: 1_000_000 }
const VECTORS = new URL("../../../../shared/vectors/hpack/", import.meta.url)
/** Header blocks in the subset of the stories that is kept there, raw-data aside. */
const BLOCKS = 8955
const LISTS = 711

interface Story {
  cases: { wire?: string; header_table_size?: number | null; headers: Record<string, string>[] }[]
}

const present = existsSync(VECTORS)
const encoders = present
  ? readdirSync(VECTORS, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  : []

function storiesOf(encoder: string): Story[] {
  const directory = new URL(`${encoder}/`, VECTORS)
  return readdirSync(directory).map(
    (file) => JSON.parse(readFileSync(new URL(file, directory), "utf8")) as Story,
  )
}

const flat = (headers: Record<string, string>[]): string[] =>
  headers.flatMap((header) => Object.entries(header).flat())

const missing = "skipped: put http2jp/hpack-test-case's stories into ../shared/vectors/hpack to run it"

describe.skipIf(!present)(present ? "hpack-test-case" : `hpack-test-case (${missing})`, () => {
  let blocks = 0

  test.each(encoders.filter((name) => name !== "raw-data"))("decodes every block of %s", (name) => {
    for (const { cases } of storiesOf(name)) {
      const decoder = new HpackDecoder()
      let tableOctets = 4096
      for (const { wire, headers, header_table_size } of cases) {
        const announced = header_table_size ?? tableOctets
        if (announced !== tableOctets) decoder.setMaxTableOctets((tableOctets = announced))
        const block = Buffer.from(wire!, "hex")
        const list = decoder.decode(block, 0, block.length, LIMITS)
        expect(decoder.fault).toBe("")
        expect(list!.fields).toEqual(flat(headers))
        blocks++
      }
    }
  })

  test("which are all that there are", () => {
    expect(blocks).toBe(BLOCKS)
  })

  test("encodes every list of raw-data so that it decodes to itself", () => {
    let lists = 0
    for (const { cases } of storiesOf("raw-data")) {
      const encoder = new HpackEncoder()
      const decoder = new HpackDecoder()
      for (const { headers } of cases) {
        const list = new HeaderList(flat(headers))
        const block = encoder.encode(list)
        expect(decoder.decode(block, 0, block.length, LIMITS)!.fields).toEqual(list.fields)
        expect(decoder.tableOctets).toBe(encoder.tableOctets)
        lists++
      }
    }
    expect(lists).toBe(LISTS)
  })
})

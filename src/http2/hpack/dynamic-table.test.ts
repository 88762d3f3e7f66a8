import fc from "fast-check"
import { expect, test } from "vitest"
import { DynamicTable } from "./dynamic-table.ts"
import { SearchableTable } from "./searchable-table.ts"

type Field = [name: string, value: string]

const contents = (table: DynamicTable): Field[] =>
  Array.from({ length: table.length }, (_, i) => [table.nameAt(i + 1), table.valueAt(i + 1)])

test("the newest entry comes first, and the oldest go when there is no room", () => {
  const table = new DynamicTable(3 * 36)
  for (const name of ["aa", "bb", "cc", "dd"]) table.insert(name, "xx")
  expect(contents(table).map(([name]) => name)).toEqual(["dd", "cc", "bb"])
  expect(table.octets).toBe(3 * 36)
})

test.each([0, 3, 4, 5, 9, 40])(
  "a copy after %i fields goes on as the table does, and apart from it",
  (before) => {
    const table = new DynamicTable(12 * 36)
    const insert = (into: DynamicTable, from: number, count: number): void => {
      for (let i = from; i < from + count; i++) into.insert(String(i).padStart(2, "0"), "xx")
    }
    insert(table, 0, before)
    const copy = table.copy()
    expect(contents(copy)).toEqual(contents(table))
    insert(copy, 50, 30)
    expect(contents(table).length).toBe(Math.min(12, before))
    insert(table, 50, 30)
    expect(contents(copy)).toEqual(contents(table))
    expect([copy.octets, copy.length, copy.isNew]).toEqual([table.octets, table.length, table.isNew])
  },
)

test("a field larger than the table empties it (RFC 7541 §4.4)", () => {
  const table = new DynamicTable(64)
  table.insert("a", "b")
  table.insert("a", "b".repeat(32))
  expect(contents(table)).toEqual([])
  expect(table.octets).toBe(0)
})

test("a table of size 0 takes nothing", () => {
  const table = new SearchableTable(0)
  table.insert("", "")
  expect(table.length).toBe(0)
  expect(table.find("", "")).toBe(0)
})

test("find gives the newest index of a field, or of its name negated", () => {
  const table = new SearchableTable(4096)
  table.insert("a", "1")
  table.insert("b", "1")
  table.insert("a", "2")
  expect(table.find("a", "2")).toBe(62)
  expect(table.find("b", "1")).toBe(63)
  expect(table.find("a", "1")).toBe(64)
  expect(table.find("a", "3")).toBe(-62)
  expect(table.valuesSeen).toBe(2)
  expect(table.find("c", "1")).toBe(0)
  expect(table.valuesSeen).toBe(0)
})

const operation = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.tuple(fc.constantFrom("a", "b", "cc"), fc.constantFrom("", "1", "2", "x".repeat(70))),
  },
  { weight: 1, arbitrary: fc.nat({ max: 1200 }) },
)

test("behaves as a plain array of fields does, whatever is inserted and however it is resized", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
      const table = new SearchableTable(600)
      let model: Field[] = []
      for (const operation of operations) {
        if (typeof operation === "number") table.setMaxOctets(operation)
        else {
          table.insert(...operation)
          model.unshift(operation)
        }
        model = fitting(model, table.maxOctets)
        expect(contents(table)).toEqual(model)
        for (const [name, value] of [
          ["a", "1"],
          ["cc", ""],
          ["b", "other"],
        ] as Field[]) {
          expect(table.find(name, value)).toBe(indexIn(model, name, value))
        }
      }
    }),
  )
})

/** The newest fields that have room; none if the newest alone has not. */
function fitting(fields: Field[], maxOctets: number): Field[] {
  let octets = 0
  const count = fields.findIndex(([name, value]) => (octets += name.length + value.length + 32) > maxOctets)
  return count < 0 ? fields : fields.slice(0, count)
}

function indexIn(fields: Field[], name: string, value: string): number {
  const exact = fields.findIndex((field) => field[0] === name && field[1] === value)
  if (exact >= 0) return exact + 62
  const byName = fields.findIndex((field) => field[0] === name)
  return byName < 0 ? 0 : -(byName + 62)
}

test("a name's older values are found once the table has gone round and grown", () => {
  // Room for three, so that entries do not stand where their number says.
  const table = new SearchableTable(3 * 34)
  for (let at = 0; at < 10; at++) table.insert("x", String(at))
  table.setMaxOctets(4096)
  for (let at = 10; at < 60; at++) {
    table.insert("x", String(at))
    for (let past = 7; past <= at; past++) {
      expect(table.find("x", String(past))).toBe(62 + at - past)
      expect(table.valuesSeen).toBe(at - past)
    }
    expect(table.find("x", "6")).toBe(-62)
    expect(table.valuesSeen).toBe(at - 6)
  }
})

import { expect, test } from "vitest"
import { type Column, tableLines } from "./tables.ts"

interface Row {
  readonly name: string
  readonly count: number
}

const columns: readonly Column<Row>[] = [
  { head: "name", text: ({ name }) => name },
  { head: "count", isRight: true, text: ({ count }) => String(count) },
  { head: "again", isRight: true, isMinor: true, text: ({ count }) => String(count) },
]
const rows = [
  { name: "a-name-of-some-length-here", count: 7 },
  { name: "b\x1b[2J", count: 12 },
]

test.for([
  [
    100,
    [
      "name                        count  again",
      "a-name-of-some-length-here      7      7",
      "b·[2J                          12     12",
    ],
  ],
  // Texts are shortened first,
  [
    32,
    [
      "name                count  again",
      "a-name-o…ngth-here      7      7",
      "b·[2J                  12     12",
    ],
  ],
  // then a minor column goes,
  [24, ["name              count", "a-name-…gth-here      7", "b·[2J                12"]],
  // and then texts are shortened again.
  [16, ["name       count", "a-na…here      7", "b·[2J         12"]],
  [6, ["name", "a-n…he", "b·[2J"]],
] as const)("in %s columns", ([width, lines]) => {
  expect(tableLines(columns, rows, width)).toEqual(lines)
})

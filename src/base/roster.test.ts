import fc from "fast-check"
import { expect, test } from "vitest"
import { type Placed, Roster } from "./roster.ts"

const make = (name: string) => ({ name, place: -1 })

function filled(...names: string[]) {
  const roster = new Roster<ReturnType<typeof make>>()
  const members = names.map(make)
  for (const member of members) roster.add(member)
  return { roster, members }
}

const namesOf = (roster: Iterable<{ name: string }>): string[] => [...roster].map(({ name }) => name)

test("a member is in it once, and goes once", () => {
  const { roster, members } = filled("a", "b", "c")
  roster.add(members[1]!)
  expect(namesOf(roster)).toEqual(["a", "b", "c"])
  expect(roster.delete(members[0]!)).toBe(true)
  expect(roster.delete(members[0]!)).toBe(false)
  expect([roster.has(members[0]!), roster.has(members[2]!)]).toEqual([false, true])
  expect(namesOf(roster).sort()).toEqual(["b", "c"])
})

test("one that was never in it, or is another's, is none of it", () => {
  const { roster } = filled("a", "b")
  const others = filled("x", "y").members
  expect([roster.has(make("new")), roster.has(others[0]!), roster.delete(others[1]!)]).toEqual([
    false,
    false,
    false,
  ])
  expect(roster.size).toBe(2)
})

test("who goes while all are gone through is not shown, who comes neither, and everybody else is, once", () => {
  const { roster, members } = filled("a", "b", "c", "d")
  const shown: string[] = []
  for (const { name } of roster) {
    shown.push(name)
    if (name === "a") roster.delete(members[0]!)
    if (name === "b") roster.delete(members[3]!)
    if (name === "c") roster.add(make("e"))
  }
  expect(shown).toEqual(["a", "b", "c"])
  expect(namesOf(roster).sort()).toEqual(["b", "c", "e"])
})

test("it has the members that a Set has", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(7))), (steps) => {
      const members: Placed[] = Array.from({ length: 8 }, () => ({ place: -1 }))
      const roster = new Roster<Placed>()
      const set = new Set<Placed>()
      for (const [isAdd, at] of steps) {
        const member = members[at]!
        if (isAdd) {
          roster.add(member)
          set.add(member)
        } else expect(roster.delete(member)).toBe(set.delete(member))
        expect(roster.size).toBe(set.size)
      }
      expect(new Set(roster)).toEqual(set)
      expect(members.map((member) => roster.has(member))).toEqual(members.map((member) => set.has(member)))
    }),
  )
})

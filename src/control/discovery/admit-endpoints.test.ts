import { describe, expect, test } from "vitest"
import { admitEndpoints } from "./admit-endpoints.ts"
import { plainEndpoint } from "./source.ts"

const of = (...addresses: string[]) => addresses.map(plainEndpoint)

describe("what is taken of an answer", () => {
  test.for([
    {
      name: "all that is sound",
      answer: of("a:1", "[::1]:2", "unix:/s"),
      taken: ["a:1", "[::1]:2", "unix:/s"],
    },
    {
      name: "each address once",
      answer: of("a:1", "a:1"),
      taken: ["a:1"],
      problem: "1 addresses are named twice",
    },
    {
      name: "no port 0, no name without a port, no nonsense",
      answer: of("a:0", "a", "a:65536", "http://a:1", "", "b:2"),
      taken: ["b:2"],
      problem: '5 of 6 addresses are unusable, such as "a:0"',
    },
    { name: "nothing of nothing", answer: [], taken: [] },
  ])("$name", ({ answer, taken, problem = null }) => {
    const admitted = admitEndpoints(answer, 100)!
    expect(admitted.endpoints.map(({ address }) => address)).toEqual(taken)
    expect(admitted.problem).toBe(problem)
  })

  test.for([
    [0, 1],
    [Number.NaN, 1],
    [2.9, 2],
    [1e12, 1_000_000],
  ])("a weight of %d counts as %d", ([weight, expected]) => {
    const { endpoints } = admitEndpoints([{ ...plainEndpoint("a:1"), weight: weight! }], 1)!
    expect(endpoints[0]!.weight).toBe(expected)
  })

  test("an answer with too many is refused whole", () => {
    const answer = Array.from({ length: 3 }, (_, index) => plainEndpoint(`a:${index + 1}`))
    expect(admitEndpoints(answer, 3)!.endpoints.length).toBe(3)
    expect(admitEndpoints(answer, 2)).toBeNull()
  })
})

import fc from "fast-check"

const octets = fc.constantFrom("a", "b", "c", "/", ".", "[ab]", "[^a]", "\\w", "[^/]", "\\s")
const quantifiers = fc.constantFrom("*", "+", "?", "{2}", "{1,2}", "{1,}", "*?", "+?", "??", "{0,2}?")

/** Parentheses that do not capture in place of those that do. */
function uncaptured(pattern: string): string {
  return pattern.replace(/\((?!\?)/g, "(?:")
}

/** Patterns that PCRE and JavaScript read alike: no groups within loops, and no loops of nothing. */
export const commonPatterns: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    octets,
    fc.constantFrom("^", "$", "\\b", "\\B"),
    fc.tuple(octets, quantifiers).map(([octet, quantifier]) => octet + quantifier),
    fc
      .tuple(octets, tie("node"), quantifiers)
      .map(([octet, node, quantifier]) => `(?:${octet}${uncaptured(node)})${quantifier}`),
    fc.tuple(tie("node"), tie("node")).map(([one, other]) => one + other),
    fc.tuple(tie("node"), tie("node")).map(([one, other]) => `(${one}|${other})`),
    tie("node").map((node) => `(${node})`),
    tie("node").map((node) => `(?=${uncaptured(node)})`),
    tie("node").map((node) => `(?!${uncaptured(node)})`),
  ),
})).node

/** Patterns with all that PCRE has and this engine too; some are refused. */
export const patterns: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    octets,
    fc.constantFrom("^", "$", "\\b", "\\z", "\\Z", "\\A", "\\K", "\\R", "\\1", "\\2", "\\g{-1}"),
    fc.constantFrom("(?i)", "(?m)", "(?s)", "(?U)"),
    fc.tuple(tie("node"), quantifiers).map(([node, quantifier]) => `(?:${node})${quantifier}`),
    fc.tuple(tie("node"), quantifiers).map(([node, quantifier]) => `(${node})${quantifier}`),
    fc
      .tuple(tie("node"), fc.constantFrom("*+", "++", "?+", "{1,2}+"))
      .map(([node, quantifier]) => `(${node})${quantifier}`),
    fc.tuple(tie("node"), tie("node")).map(([one, other]) => one + other),
    fc.tuple(tie("node"), tie("node"), tie("node")).map(([a, b, c]) => `(?:${a}|${b}|${c})`),
    fc.tuple(tie("node"), tie("node")).map(([one, other]) => `(${one}|${other})`),
    fc
      .tuple(fc.constantFrom("?>", "?=", "?!", "?|", "?i:", "?<=", "?<!"), tie("node"))
      .map(([kind, node]) => `(${kind}${node})`),
    fc.tuple(tie("node"), tie("node")).map(([one, other]) => `(?(1)${one}|${other})`),
  ),
})).node

/** What nginx's own tables say of a directive, and what becomes of it here. */

/**
 * - `honoured`: does here what nginx documents.
 * - `no effect`: harmless to ignore; a note.
 * - `left out`: it lets no client in and sends no call elsewhere, but answers or logs differ; a warning.
 * - `not yet`, `not supported`: known, but to ignore it would change who gets in or where a call goes; an error.
 */
export type Verdict = "honoured" | "no effect" | "left out" | "not yet" | "not supported"

/** A kind of block that directives stand in; `main` is the file itself. */
export type Context =
  | "main"
  | "events"
  | "http"
  | "server"
  | "location"
  | "upstream"
  | "server if"
  | "if"
  | "limit_except"
  | "stream"
  | "stream server"
  | "stream upstream"

/** What the one argument must be, where nginx has a common reader for it. */
export type ValueKind = "flag" | "number" | "size" | "offset" | "time" | "sec" | "timeouts"

export interface DirectiveSpec {
  name: string
  contexts: readonly Context[]
  /** Arguments; `most` may be Infinity. */
  least: number
  most: number
  /** Takes `{ ... }` in place of `;`. Null: either, or it is not known. */
  block: boolean | null
  value: ValueKind | null
  /** May stand more than once at one level. */
  repeatable: boolean
  verdict: Verdict
  /** Why it has no effect or is not supported; what it does, where honoured. */
  reason: string
}

/** Directives of one verdict. Keys are shapes, values are names with space between. */
export interface DirectiveGroup {
  verdict: Verdict
  reason: string
  directives: Record<string, string>
}

const CONTEXT_LETTERS: Record<string, Context> = {
  M: "main",
  E: "events",
  H: "http",
  S: "server",
  L: "location",
  U: "upstream",
  i: "if",
  x: "limit_except",
  h: "stream",
  s: "stream server",
  u: "stream upstream",
}

const VALUE_KINDS = new Set<string>(["flag", "number", "size", "offset", "time", "sec", "timeouts"])

/**
 * Reads a shape such as `HSL 1-2*`: the contexts' letters (Main, Events, Http, Server, Location, Upstream, `if`,
 * `x` for limit_except; `h`, `s`, `u` within `stream`), then the
 * arguments: a count, a range, `1+`, a `ValueKind` or `any`; `*` when it may be repeated, `{}` when a block follows.
 */
export function readShape(shape: string): Omit<DirectiveSpec, "name" | "verdict" | "reason"> {
  const [letters, args] = shape.split(" ") as [string, string]
  const contexts = Array.from(letters, (letter) => CONTEXT_LETTERS[letter]!)
  const [, kind, repeat, block] = /^([^*{]+)(\*?)((?:\{\})?)$/.exec(args)!
  const any = kind === "any"
  const manyTimeouts = kind === "timeouts"
  const counts = /^(\d)(?:-(\d)|(\+))?$/.exec(kind!)
  return {
    contexts,
    least: any ? 0 : counts === null ? 1 : Number(counts[1]),
    most:
      any || counts?.[3] === "+"
        ? Infinity
        : counts === null
          ? manyTimeouts
            ? 2
            : 1
          : Number(counts[2] ?? counts[1]),
    block: any ? null : block === "{}",
    value: VALUE_KINDS.has(kind!) ? (kind as ValueKind) : null,
    repeatable: any || repeat === "*" || block === "{}",
  }
}

/** What must hold, each named in docs/simulation.md. */
export type Rule =
  | "one ending"
  | "call never ends"
  | "wrong ending"
  | "body"
  | "head"
  | "window"
  | "credit"
  | "stream limit"
  | "stream state"
  | "frame order"
  | "processed twice"
  | "next leg"
  | "time limit"
  | "memory"
  | "lease"
  | "left open"
  | "record"
  | "socket misuse"
  | "balance"
  | "rate"
  | "exception"
  | "peer found fault"

/** The balancer broke a rule. */
export class Violation extends Error {
  override readonly name = "Violation"
  readonly rule: Rule

  constructor(rule: Rule, detail: string) {
    super(detail)
    this.rule = rule
  }
}

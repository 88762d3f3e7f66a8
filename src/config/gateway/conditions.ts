/** What a resource's status says: meta/v1 Condition, without the times, which are the writer's. */
export interface Condition {
  readonly type: string
  readonly status: "True" | "False" | "Unknown"
  /** One word, of the API where it has one. */
  readonly reason: string
  readonly message: string
  readonly observedGeneration: number
}

/** Why something is not as it was meant. */
export interface Objection {
  readonly reason: string
  readonly message: string
}

export const objection = (reason: string, message: string): Objection => ({ reason, message })

/** True with its own name for a reason, unless there is an objection. */
export function condition(
  type: string,
  { generation }: { generation: number },
  against: Objection | null = null,
  message = "",
): Condition {
  return {
    type,
    status: against === null ? "True" : "False",
    reason: against?.reason ?? type,
    message: against?.message ?? message,
    observedGeneration: generation,
  }
}

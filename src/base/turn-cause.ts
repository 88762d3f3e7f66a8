/** Why Sluice itself ends or moves live streams. */
export const turnCauses = ["drain", "age", "rehash", "rebalance", "rollout", "order"] as const

export type TurnCause = (typeof turnCauses)[number]

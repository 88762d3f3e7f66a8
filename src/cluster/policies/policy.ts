import type { Endpoint } from "../endpoint.ts"

/**
 * Chooses one of `endpoints`, all of which may be chosen; undefined when there is none.
 * Load is streams open, not requests per second: one stream may last all day.
 */
export type PickPolicy = (endpoints: readonly Endpoint[]) => Endpoint | undefined

import type { Log } from "./logger.ts"

/** Says nothing. A file of its own: the log that speaks brings a library with it. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => silentLog }

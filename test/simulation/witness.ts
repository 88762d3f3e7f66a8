import type { Frame } from "./wire/frame-scanner.ts"

/** Told what happens, in order, where it will be read. */
export interface Witness {
  frame(atMs: number, link: string, fromBalancer: boolean, frame: Frame): void
  say(atMs: number, what: string): void
}

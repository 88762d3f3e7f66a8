import { setTimeout as pause } from "node:timers/promises"

const LOOK_EVERY_MS = 2
const GIVE_UP_MS = 25_000

/** Resolves once `isSo`; rejects, with what `describe` says then, when it never is. For state that sends no event. */
export async function eventually(
  isSo: () => boolean | Promise<boolean>,
  describe: () => string,
): Promise<void> {
  const until = performance.now() + GIVE_UP_MS
  while (!(await isSo())) {
    if (performance.now() > until) throw new Error(`never came: ${describe()}`)
    await pause(LOOK_EVERY_MS)
  }
}

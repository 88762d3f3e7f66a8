/**
 * Closes the debugger that Node opens for a SIGUSR1 which comes before this program has taken its signals, unless
 * `--inspect` asked for one. To be called after that.
 *
 * `--disable-sigusr1` is no way around: it leaves the signal blocked, and logs are never opened anew.
 */
export async function closeUninvitedDebugger(): Promise<void> {
  const { execArgv, env, features } = process
  const isAsked = [...execArgv, env.NODE_OPTIONS ?? ""].some((option) => option.includes("--inspect"))
  if (isAsked || !features.inspector) return
  const { close, url } = await import("node:inspector")
  // Node opens it twice for one signal, within JavaScript and on the event loop; the second does nothing unless it was closed between.
  for (const _ of ["this turn", "a whole one"]) await new Promise(setImmediate)
  if (url() !== undefined) close()
}

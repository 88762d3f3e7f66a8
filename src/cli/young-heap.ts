/** MiB of each of its two halves. */
const FLAG = "--max-semi-space-size=8"

/**
 * Begins this process anew, under the same pid, with a bound on the part of V8's heap where objects are born. It grows
 * to 128 MiB when many connections come at once, and that stays: 4,000 idle connections take 11 kB each, with the bound
 * 7 kB; 100,000 idle streams 1.7 kB each and 0.9 kB. Calls cost the same, with thousands at a time some 5 % more. V8 takes
 * the size at the start of a process only. Nothing is done where a size was asked for, or where Node cannot do it.
 */
export function limitYoungHeap(): void {
  const { execve, execPath, execArgv, argv, env, platform, permission } = process
  const isAsked = [...execArgv, env.NODE_OPTIONS ?? ""].some((option) => option.includes("semi-space"))
  if (isAsked || execve === undefined || platform === "win32" || permission !== undefined) return
  // A process that was forked would lose its way to the parent.
  if (process.connected) return
  execve(execPath, [execPath, FLAG, ...execArgv, ...argv.slice(1)])
}

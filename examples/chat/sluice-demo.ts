import { clientCommand, demoCommand, serverCommand } from "./commands.ts"

/** What `sluice demo` does: the demo, its chat server and its client. Found by its place in the package, not imported. */
export async function sluiceDemo(args: readonly string[]): Promise<number> {
  const command = demoCommand("sluice demo")
    .addCommand(clientCommand("client"))
    .addCommand(serverCommand("server"))
  await command.parseAsync(args, { from: "user" })
  return Number(process.exitCode ?? 0)
}

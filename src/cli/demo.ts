const NEEDS = "@grpc/grpc-js"

/**
 * `sluice demo [client | server]`: the chat of examples/chat, the same as `npm start` in a checkout. Its servers and its
 * terminal client are grpc-js, which a load balancer does not otherwise need: hence an optional peer dependency.
 *
 * @returns the exit code
 */
export async function demo(args: readonly string[]): Promise<number> {
  try {
    await import(NEEDS)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error
    process.stderr.write(
      `sluice: the demo's chat needs ${NEEDS}, which is not installed: npm install ${NEEDS}\n`,
    )
    return 1
  }
  const { clientCommand, demoCommand, serverCommand } = await import("../../examples/chat/commands.ts")
  const command = demoCommand("sluice demo")
    .addCommand(clientCommand("client"))
    .addCommand(serverCommand("server"))
  await command.parseAsync(args, { from: "user" })
  return Number(process.exitCode ?? 0)
}

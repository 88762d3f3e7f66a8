import { pathToFileURL } from "node:url"
import { programFile } from "../base/program-file.ts"

const NEEDS = "@grpc/grpc-js"

/** Where the package has it. The balancer's code knows its examples by their place alone. */
const DEMO = "../../examples/chat/sluice-demo.ts"

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
  const program = pathToFileURL(programFile(DEMO, import.meta.url))
  const { sluiceDemo } = (await import(program.href)) as { sluiceDemo: typeof demo }
  return sluiceDemo(args)
}

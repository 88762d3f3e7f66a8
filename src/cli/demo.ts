import { dirname, sep } from "node:path"
import { isSea } from "node:sea"
import { fileURLToPath, pathToFileURL } from "node:url"
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
  if (isSea()) {
    process.stderr.write(
      "sluice: the demo comes with the npm package and a checkout, not with this executable\n",
    )
    return 1
  }
  try {
    await import(NEEDS)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error
    process.stderr.write(
      `sluice: the demo's chat needs ${NEEDS}, which is not installed: ${howToInstall(fileURLToPath(import.meta.url))}\n`,
    )
    return 1
  }
  const program = pathToFileURL(programFile(DEMO, import.meta.url))
  const { sluiceDemo } = (await import(program.href)) as { sluiceDemo: typeof demo }
  return sluiceDemo(args)
}

/** Beside a Sluice whose code is at `path`, since that is where the code looks: for a project, for npx, or for all. */
function howToInstall(path: string): string {
  const at = path.lastIndexOf(`${sep}node_modules${sep}`)
  const project = at < 0 ? null : path.slice(0, at)
  if (project !== null && dirname(project).endsWith(`${sep}_npx`)) return `npx --package ${NEEDS} --package …`
  const isHere = project === null || `${process.cwd()}${sep}`.startsWith(`${project}${sep}`)
  return `npm install ${isHere ? "" : "--global "}${NEEDS}`
}

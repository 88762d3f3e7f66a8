import { installed } from "../conformance/child.ts"
import { Unavailable } from "../conformance/result.ts"

/** The path that was given, else the name, where it is on PATH. Errors: `Unavailable`, where there is none. */
export async function findProgram(name: string, given: string | undefined, args: string[]): Promise<string> {
  const program = given ?? name
  if (await installed(program, args)) return program
  throw new Unavailable(
    given === undefined ? `no ${name} on PATH; name one by --${name}` : `${given} cannot be run`,
  )
}

import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { testDirectory } from "../../test/support/sluice-process.ts"
import { completion, SHELLS, type Shell } from "./completion.ts"
import { commands } from "./program.ts"

const scripts = Object.fromEntries(SHELLS.map((shell) => [shell, completion(commands(), shell)]))

/** What the shell says for a line, in the shell's own way of asking; null: it is not on this machine. */
const ASK: Record<Shell, (line: string) => string> = {
  bash: (line) => {
    const words = line.split(" ")
    return `${scripts.bash}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
_sluice; printf '%s\\n' "\${COMPREPLY[@]}"`
  },
  // Its completion needs a terminal: that it is a script of zsh's is all that is asked.
  zsh: () => "",
  fish: (line) => `${scripts.fish}\ncomplete -C '${line}' | string replace -r '\\t.*' ''`,
}

function ask(shell: Shell, line: string): string[] | null {
  const { stdout, error } = spawnSync(shell, ["-c", ASK[shell](line)], { encoding: "utf8" })
  return error === undefined ? stdout.trim().split("\n") : null
}

test.for([
  ["sluice ru", ["run"]],
  ["sluice run --st", ["--strict"]],
  ["sluice check --", ["--help", "--json", "--serve-what-runs", "--strict"]],
  ["sluice completion ", ["bash", "fish", "zsh"]],
  ["sluice check package.js", ["package.json"]],
] as const)("%s", ([line, words], t) => {
  const answers = (["bash", "fish"] as const).map((shell) => ask(shell, line)?.sort() ?? null)
  const asked = answers.filter((answer) => answer !== null)
  if (asked.length === 0) return t.skip("bash and fish are not installed")
  for (const answer of asked) expect(answer).toEqual(words)
})

test.for(SHELLS)("%s takes the script", (shell, t) => {
  const path = join(testDirectory(t), "script")
  writeFileSync(path, scripts[shell]!)
  const { status, stderr, error } = spawnSync(shell, ["-n", path], { encoding: "utf8" })
  if (error !== undefined) return t.skip(`${shell} is not installed`)
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
})

test("what has quotes and colons in its description stays one word", () => {
  const program = commands()
  program.command("odd").description("it's [odd]: $HOME `x`").option("--way <way>", "a 'way': \\n")
  expect(completion(program, "zsh")).toContain(`'odd:it'\\''s \\[odd\\]\\: $HOME \`x\`'`)
  expect(completion(program, "fish")).toContain("-l way -r -d 'a \\'way\\': \\\\n'")
})

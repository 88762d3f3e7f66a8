/** Writes man pages of the commands, made of the same definitions as their help: part of `npm run build`. */
import { mkdirSync, writeFileSync } from "node:fs"
import type { Command } from "commander"
import { VERSION } from "../src/base/version.ts"
import { shownCommands, shownOptions } from "../src/cli/completion.ts"
import { commands } from "../src/cli/program.ts"

/** A command's texts of `addHelpText("after", …)`: its whole help less what commander makes of it. */
function textAfter(command: Command): string {
  let help = ""
  command.configureOutput({ writeOut: (text) => void (help += text) }).outputHelp()
  return help.slice(command.helpInformation().length)
}

/** A page of roff: `man ./sluice.1`. */
function manPage(program: Command, command: Command): string {
  const isProgram = command === program
  const name = isProgram ? "sluice" : `sluice-${command.name()}`
  const lines = [
    `.TH ${name.toUpperCase()} 1 "" "Sluice ${VERSION}" "Sluice"`,
    ".SH NAME",
    `${roff(name)} \\- ${roff(command.description())}`,
    ".SH SYNOPSIS",
    `.B ${isProgram ? "sluice" : `sluice ${command.name()}`}`,
    roff(
      command
        .createHelp()
        .commandUsage(command)
        .split(" ")
        .slice(isProgram ? 1 : 2)
        .join(" "),
    ),
  ]
  const described = command.registeredArguments.filter(({ description }) => description !== "")
  if (described.length > 0) lines.push(".SH ARGUMENTS")
  for (const argument of described) lines.push(".TP", `.I ${argument.name()}`, roff(argument.description))
  const options = shownOptions(command)
  if (options.length > 0) lines.push(".SH OPTIONS")
  for (const option of options)
    lines.push(".TP", `.B ${roff(option.flags)}`, roff(command.createHelp().optionDescription(option)))
  if (isProgram) {
    lines.push(".SH COMMANDS")
    for (const each of shownCommands(program))
      lines.push(".TP", `.BR sluice\\-${each.name()} (1)`, roff(each.description()))
  }
  lines.push(...sectionsOf(textAfter(command)))
  if (!isProgram) lines.push(".SH SEE ALSO", ".BR sluice (1)")
  return `${lines.join("\n")}\n`
}

/** `Examples:` and lines below it, laid out by hand in the help, stand as they are. */
function sectionsOf(text: string): string[] {
  const lines: string[] = []
  for (const block of text.trim().split(/\n\n+/)) {
    const [, title, rest] = /^([A-Z][^\n:]*):\n(.*)$/s.exec(block) ?? []
    if (title === undefined) {
      if (block !== "") lines.push(".PP", roff(block))
    } else lines.push(`.SH ${title.toUpperCase()}`, ".nf", roff(rest!), ".fi")
  }
  return lines
}

/** As text of roff: hyphens that can be copied, no line that is taken for a request. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/^(?=[.'])/gm, "\\&")
}

const directory = new URL("../dist/man/", import.meta.url)
mkdirSync(directory, { recursive: true })
const program = commands()
for (const command of [program, ...shownCommands(program)]) {
  const name = command === program ? "sluice" : `sluice-${command.name()}`
  writeFileSync(new URL(`${name}.1`, directory), manPage(program, command))
}

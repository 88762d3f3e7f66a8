/** `sluice completion SHELL`: a script for the shell, made of the same definitions as the help. */
import type { Argument, Command, Option } from "commander"

export const SHELLS = ["bash", "zsh", "fish"] as const
export type Shell = (typeof SHELLS)[number]

export function completion(program: Command, shell: Shell): string {
  return { bash, zsh, fish }[shell](program)
}

/** Those that are shown in the help, `help` less: it is `--help` once more. */
export function shownCommands(program: Command): Command[] {
  return program
    .createHelp()
    .visibleCommands(program)
    .filter((command) => command.name() !== "help")
}

/** A command's own options and `--help`. */
export function shownOptions(command: Command): Option[] {
  return [...command.createHelp().visibleOptions(command)]
}

function takesValue(option: Option): boolean {
  return option.required || option.optional
}

function flagsOf(option: Option): string[] {
  return [option.short, option.long].filter((flag) => flag !== undefined && flag !== null)
}

/** What may stand for an argument: words of a list, or null for a file. An order's target is known to nothing here. */
function choicesOf(argument: Argument | undefined): readonly string[] | "files" | null {
  if (argument === undefined) return null
  if (argument.argChoices !== undefined) return argument.argChoices
  return argument.name() === "config" ? "files" : null
}

function bash(program: Command): string {
  const name = program.name()
  const cases = shownCommands(program).map((command) => {
    const flags = shownOptions(command).flatMap(flagsOf).join(" ")
    const valued = shownOptions(command).filter(takesValue).flatMap(flagsOf).join("|")
    const choices = choicesOf(command.registeredArguments[0])
    const words = choices === "files" ? '-f -- "$word"' : `-W "${choices?.join(" ") ?? ""}" -- "$word"`
    return `    ${command.name()})
${valued === "" ? "" : `      case "$before" in ${valued}) return ;; esac\n`}      if [[ $word == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "${flags}" -- "$word")
      else mapfile -t COMPREPLY < <(compgen ${words}); fi ;;`
  })
  const names = shownCommands(program)
    .map((command) => command.name())
    .join(" ")
  return `# bash completion of ${name}: source <(${name} completion bash)
_${name}() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "${names} ${shownOptions(program).flatMap(flagsOf).join(" ")}" -- "$word")
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join("\n")}
  esac
}
complete -o filenames -o default -F _${name} ${name}
`
}

function zsh(program: Command): string {
  const name = program.name()
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
  const plain = (text: string): string => text.replaceAll(/[[\]:\\]/g, "\\$&")
  const specOf = (option: Option): string[] =>
    flagsOf(option).map((flag) =>
      quote(
        `${option.variadic || option.parseArg ? "*" : ""}${flag}[${plain(option.description)}]${takesValue(option) ? `:${option.attributeName()}:` : ""}`,
      ),
    )
  const argumentSpec = (argument: Argument): string => {
    const choices = choicesOf(argument)
    const action = choices === "files" ? "_files" : choices === null ? " " : `(${choices.join(" ")})`
    return quote(`${argument.variadic ? "*" : ""}:${plain(argument.name())}:${action}`)
  }
  const cases = shownCommands(program).map((command) => {
    const specs = [...shownOptions(command).flatMap(specOf), ...command.registeredArguments.map(argumentSpec)]
    return `    ${command.name()})\n      _arguments ${specs.join(" \\\n        ")} ;;`
  })
  const commands = shownCommands(program).map((command) =>
    quote(`${command.name()}:${plain(command.description())}`),
  )
  return `#compdef ${name}
# zsh completion of ${name}: ${name} completion zsh > a directory of $fpath, as _${name}
_${name}() {
  local -a commands
  commands=(
    ${commands.join("\n    ")}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join("\n")}
  esac
}
compdef _${name} ${name}
`
}

function fish(program: Command): string {
  const name = program.name()
  const quote = (text: string): string => `'${text.replaceAll(/['\\]/g, "\\$&")}'`
  const lines = [`# fish completion of ${name}: ${name} completion fish | source`, `complete -c ${name} -f`]
  for (const command of shownCommands(program)) {
    lines.push(
      `complete -c ${name} -n __fish_use_subcommand -a ${command.name()} -d ${quote(command.description())}`,
    )
    const after = `complete -c ${name} -n '__fish_seen_subcommand_from ${command.name()}'`
    const choices = choicesOf(command.registeredArguments[0])
    if (choices === "files") lines.push(`${after} -F`)
    else if (choices !== null) lines.push(`${after} -a ${quote(choices.join(" "))}`)
    for (const option of shownOptions(command)) {
      const flags = flagsOf(option).map((flag) =>
        flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
      )
      lines.push(
        `${after} ${flags.join(" ")}${takesValue(option) ? " -r" : ""} -d ${quote(option.description)}`,
      )
    }
  }
  return `${lines.join("\n")}\n`
}

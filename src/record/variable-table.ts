import { stateOf } from "./request-state.ts"
import { TCP_ONLY } from "./tcp-variables.ts"
import { findVariable, type Variable } from "./variables.ts"

/** Where templates find their variables. */
export interface VariableSource {
  /** Undefined: there is none of this name. Without the dollar sign. */
  find(name: string): Variable | undefined
}

/** Nginx's variables and Sluice's own. */
export const builtIn: VariableSource = { find: (name) => findVariable(name) }

/**
 * The variables of one configuration: those that it declares, before those that are always there. What `set` and captures
 * have put into the request's state comes before what `map` and its like would make.
 */
export class VariableTable implements VariableSource {
  /** The same for tables of the same variables. */
  readonly id: string
  readonly #declared = new Map<string, Variable>()

  readonly #underscores: boolean

  /** @param underscores see `findVariable` */
  constructor(id = "", underscores = false) {
    this.id = underscores ? `${id}_` : id
    this.#underscores = underscores
  }

  find(name: string): Variable | undefined {
    return this.#declared.get(name.toLowerCase()) ?? findVariable(name, this.#underscores)
  }

  /** One that may yet be declared: it is looked for when it is used, and empty where there is none. */
  late(name: string): Variable {
    return (record, env) => this.find(name)?.(record, env)
  }

  /** A variable that is empty until it is set. */
  declareSet(name: string): void {
    const lower = name.toLowerCase()
    const before = this.#declared.get(lower)
    if (before === undefined && CHANGEABLE.has(lower)) return
    // No request has what only `stream {}` knows.
    const known = TCP_ONLY.has(lower) ? undefined : findVariable(lower, this.#underscores)
    const otherwise = before ?? known ?? (() => "")
    this.#declared.set(lower, (record, env) => record.state?.values.get(lower) ?? otherwise(record, env))
  }

  /** One that is made when it is asked for. `isVolatile`: each time, else once for a request. */
  declare(name: string, make: Variable, isVolatile: boolean): void {
    const lower = name.toLowerCase()
    let isBeingMade = false
    this.#declared.set(lower, (record, env) => {
      const known = record.state?.values.get(lower)
      if (known !== undefined) return known
      // One that is made of itself is empty.
      if (isBeingMade) return ""
      isBeingMade = true
      const value = make(record, env)
      isBeingMade = false
      // Until a token is verified anyone may have written what it says.
      const isSure = record.state?.token == null || record.state.isTokenVerified
      if (!isVolatile && isSure && value !== undefined) stateOf(record).values.set(lower, value)
      return value
    })
  }
}

/** Setting them changes the request. */
const CHANGEABLE: ReadonlySet<string> = new Set(["args"])

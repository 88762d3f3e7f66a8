import type { Directive } from "./ast.ts"
import type { Context } from "./directives/spec.ts"

/**
 * One block with the blocks around it: where values are looked up by nginx's rule. A level that sets a directive at all
 * hides every outer one of that name; one that does not takes the next outer level's.
 */
export class Scope {
  readonly context: Context
  readonly parent: Scope | null
  /** In file order. */
  readonly directives: readonly Directive[]
  readonly #byName: ReadonlyMap<string, Directive[]>

  constructor(context: Context, directives: readonly Directive[], parent: Scope | null) {
    this.context = context
    this.parent = parent
    this.directives = directives
    this.#byName = Map.groupBy(directives, ({ name }) => name.text)
  }

  /** Those of this block alone. */
  own(name: string): readonly Directive[] {
    return this.#byName.get(name) ?? []
  }

  /** Those that hold here: of the innermost level that has any. */
  all(name: string): readonly Directive[] {
    // oxlint-disable-next-line typescript/no-this-alias -- the first link of the chain it follows
    for (let scope: Scope | null = this; scope !== null; scope = scope.parent) {
      const directives = scope.own(name)
      if (directives.length > 0) return directives
    }
    return []
  }

  /** The one that holds here, for directives that cannot be repeated. */
  one(name: string): Directive | null {
    return this.all(name)[0] ?? null
  }
}

import type { Directive } from "./ast.ts"
import type { Context } from "./directives/spec.ts"
import type { Place, PlacedVariables } from "./place.ts"

/**
 * One block with the blocks around it: where values are looked up by nginx's rule. A level that sets a directive at all
 * hides every outer one of that name; one that does not takes the next outer level's.
 */
export class Scope {
  readonly context: Context
  readonly parent: Scope | null
  /** In file order. */
  readonly directives: readonly Directive[]
  /** As they are written. */
  readonly #byName: ReadonlyMap<string, Directive[]>
  readonly #placed: PlacedVariables | null

  /** @param placed those that have the values of this place here; null: there are none */
  constructor(
    context: Context,
    directives: readonly Directive[],
    parent: Scope | null,
    placed: PlacedVariables | null = parent === null ? null : parent.#placed,
  ) {
    this.context = context
    this.parent = parent
    this.#placed = placed
    this.#byName = Map.groupBy(directives, ({ name }) => name.text)
    this.directives = this.#inPlace(directives)
  }

  /** This block has it, whatever levels around it have. */
  has(name: string): boolean {
    return this.#byName.has(name)
  }

  /** Those of this block alone. */
  own(name: string): readonly Directive[] {
    const directives = this.#byName.get(name)
    return directives === undefined ? [] : this.#inPlace(directives)
  }

  /** Those that hold here: of the innermost level that has any. */
  all(name: string): readonly Directive[] {
    // oxlint-disable-next-line typescript/no-this-alias -- the first link of the chain it follows
    for (let scope: Scope | null = this; scope !== null; scope = scope.parent) {
      const directives = scope.#byName.get(name)
      if (directives !== undefined) return this.#inPlace(directives)
    }
    return []
  }

  /** The one that holds here, for directives that cannot be repeated. */
  one(name: string): Directive | null {
    return this.all(name)[0] ?? null
  }

  /** A template with the values of this place. */
  textHere(text: string, otherwise: string): string {
    return this.#placed === null ? text : this.#placed.inText(text, () => this.#place(), otherwise)
  }

  #inPlace(directives: readonly Directive[]): readonly Directive[] {
    const placed = this.#placed
    if (placed === null) return directives
    return directives.map((each) => placed.inDirective(each, () => this.#place()))
  }

  #place(): Place {
    return { root: this.#find(["root", "alias"], false), pass: this.#find(["proxy_pass"], true) }
  }

  /** @param inLocation levels around the location are not asked */
  #find(names: readonly string[], inLocation: boolean): Directive | null {
    // oxlint-disable-next-line typescript/no-this-alias -- the first link of the chain it follows
    for (let scope: Scope | null = this; scope !== null; scope = scope.parent) {
      for (const name of names) {
        const found = scope.#byName.get(name)?.at(-1)
        if (found !== undefined) return found
      }
      if (inLocation && scope.context !== "if" && scope.context !== "limit_except") return null
    }
    return null
  }
}

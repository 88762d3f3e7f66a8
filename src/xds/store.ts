import type { Resources } from "./resources/resources.ts"
import { TYPE_URLS, type TypeUrl } from "./type-urls.ts"

interface Row {
  /** Null: it is gone, and clients may still have it. */
  readonly octets: Uint8Array | null
  /** The version of its type that it came with. */
  readonly version: number
}

interface Table {
  version: number
  readonly rows: Map<string, Row>
}

/** All resources as they are, each with the version at which it last changed. */
export class ResourceStore {
  readonly #tables = new Map<TypeUrl, Table>(TYPE_URLS.map((type) => [type, { version: 0, rows: new Map() }]))
  /** Told apart from those of an earlier process. */
  readonly #epoch: string

  constructor(epoch: string) {
    this.#epoch = epoch
  }

  /** All resources of a type: what is missing is gone. Returns whether anything changed. */
  replace(type: TypeUrl, resources: Resources): boolean {
    const { rows } = this.#tables.get(type)!
    const gone = [...rows].filter(([name, { octets }]) => octets !== null && !resources.has(name))
    const changed = [...resources].filter(([name, octets]) => !isSame(rows.get(name)?.octets, octets))
    return this.#write(type, [...changed, ...gone.map(([name]) => [name, null] as const)])
  }

  /** One resource. Returns whether it changed. */
  set(type: TypeUrl, name: string, octets: Uint8Array): boolean {
    if (isSame(this.#tables.get(type)!.rows.get(name)?.octets, octets)) return false
    return this.#write(type, [[name, octets]])
  }

  #write(type: TypeUrl, changes: readonly (readonly [name: string, octets: Uint8Array | null])[]): boolean {
    if (changes.length === 0) return false
    const table = this.#tables.get(type)!
    table.version++
    for (const [name, octets] of changes) table.rows.set(name, { octets, version: table.version })
    return true
  }

  /** Null: there is none of the name. */
  get(type: TypeUrl, name: string): Uint8Array | null {
    return this.#tables.get(type)!.rows.get(name)?.octets ?? null
  }

  /** When it last changed, or went; 0: it never was. */
  versionOf(type: TypeUrl, name: string): number {
    return this.#tables.get(type)!.rows.get(name)?.version ?? 0
  }

  /** Of the whole type. */
  version(type: TypeUrl): number {
    return this.#tables.get(type)!.version
  }

  /** As clients see it. */
  versionText(type: TypeUrl, version = this.version(type)): string {
    return `${this.#epoch}.${version}`
  }

  names(type: TypeUrl): string[] {
    return [...this.#tables.get(type)!.rows].flatMap(([name, { octets }]) => (octets === null ? [] : [name]))
  }
}

function isSame(one: Uint8Array | null | undefined, other: Uint8Array): boolean {
  return one != null && Buffer.compare(one, other) === 0
}

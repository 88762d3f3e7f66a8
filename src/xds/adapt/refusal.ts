/** Why a resource is refused, and where: what a NACK says. */
export class Refusal extends Error {
  /** `filter_chains[0].filters[1].typed_config`, from the resource down. */
  readonly path: string

  constructor(path: string, why: string) {
    super(path === "" ? why : `${path}: ${why}`)
    this.path = path
  }
}

export function refuse(path: string, why: string): never {
  throw new Refusal(path, why)
}

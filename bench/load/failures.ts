/** Everything that went wrong. One is enough: the run then has no figure. */
export class Failures {
  count = 0
  first = ""

  add(reason: string): void {
    if (this.count++ === 0) this.first = reason
  }
}

/** What is wrong with a pattern, and where in it. Thrown while it is read; `compileRegex` returns it. */
export class RegexSyntaxError extends Error {
  /** From 0, in octets of the pattern. */
  readonly offset: number

  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}

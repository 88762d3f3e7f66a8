/** An address that is open. */
export interface OpenAddress {
  readonly name: string
  readonly host: string | null
  /** The port in use, also when 0 was asked for; null for a Unix socket. */
  readonly port: number | null
  readonly unixPath: string | null
}

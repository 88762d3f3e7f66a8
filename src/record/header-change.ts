/** What an authorization server has done to a field: Envoy's HeaderAppendAction, or taken out. */
export interface HeaderChange {
  /** Lower case. */
  readonly name: string
  /** As octets. */
  readonly value: string
  readonly action: "append" | "add if absent" | "overwrite" | "overwrite if there" | "remove"
}

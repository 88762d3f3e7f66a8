const unitMs: Readonly<Record<string, number>> = {
  n: 1e-6,
  u: 1e-3,
  m: 1,
  S: 1000,
  M: 60_000,
  H: 3_600_000,
}

/**
 * Reads `grpc-timeout`: at most `digitsMax` digits, of which the protocol allows 8, and a unit. Milliseconds, rounded up; null when malformed.
 * Source: gRPC, doc/PROTOCOL-HTTP2.md, "Timeout".
 */
export function parseGrpcTimeout(text: string, digitsMax = 8): number | null {
  const digits = text.length - 1
  if (digits < 1 || digits > digitsMax) return null
  let amount = 0
  for (let i = 0; i < digits; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return null
    amount = amount * 10 + digit
  }
  const unit = text[digits]!
  return Object.hasOwn(unitMs, unit) ? Math.ceil(amount * unitMs[unit]!) : null
}

/** Colors are for terminals, and for those who did not ask for none (https://no-color.org). */
export function wantsColor(
  stream: { isTTY?: boolean },
  environment: Record<string, string | undefined>,
): boolean {
  return stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== "dumb"
}

/** An address less `grpc://` or `grpcs://`. */
export function bareTarget(text: string): string {
  return text.replace(/^grpcs?:\/\//i, "")
}

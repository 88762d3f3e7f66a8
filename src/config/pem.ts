/**
 * Where the model names a file of certificates or keys, the text itself may stand: what a control plane says is in no file.
 */
export function isPem(file: string): boolean {
  return file.startsWith("-----BEGIN ")
}

/** For people: the path, or what stands in its place. Never the text: it may be a key. */
export function fileName(file: string): string {
  return isPem(file) ? "(what the control plane said)" : file
}

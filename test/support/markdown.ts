import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = new URL("../../", import.meta.url)

export function pathInRepo(path: string): string {
  return fileURLToPath(new URL(path, root))
}

export function readText(path: string): string {
  return readFileSync(new URL(path, root), "utf8")
}

/** Every document for people, by its path in the repository. */
export const documents: readonly string[] = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...readdirSync(new URL("docs/", root))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
  "bench/README.md",
].filter((path) => existsSync(new URL(path, root)))

/** The contents of fenced blocks in one language. */
export function fences(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, name]) => name === language)
    .map(([, , content]) => content!)
}

const withoutCode = (text: string): string =>
  text.replaceAll(/^```.*?^```$/gms, "").replaceAll(/`[^`\n]*`/g, "")

/** Targets of links and pictures, code left out. */
export function links(text: string): string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!)
}

/** What a link may name after `#`: headings as GitHub spells them. */
export function anchors(text: string): Set<string> {
  const found = new Set<string>()
  for (const [, heading] of text.replaceAll(/^```.*?^```$/gms, "").matchAll(/^#{1,6} +(.+)$/gm)) {
    const plain = heading!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .trim()
      .toLowerCase()
    const slug = plain.replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "").replaceAll(" ", "-")
    let unique = slug
    for (let copy = 1; found.has(unique); copy++) unique = `${slug}-${copy}`
    found.add(unique)
  }
  return found
}

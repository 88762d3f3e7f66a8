export interface H2specdCase {
  /** Where h2specd plays this case. */
  port: number
  /** Section title and what it sends. */
  name: string
  outcome: "passed" | "failed" | "not called"
  reason: string
}

const mark = { "✔": "passed", "✖": "failed", "&nbsp;&nbsp;": "not called" } as const

/** Reads h2specd's report page: a `<div>` for each section title, then one for each case with its mark and link. */
export function readReport(html: string): H2specdCase[] {
  const found: H2specdCase[] = []
  let section = ""
  // One line at a time: a case, a line about the case above it (indented), or a section title.
  const line =
    /<div><span[^>]*>(✔|✖|&nbsp;&nbsp;)<\/span><a href="[^"]*:(\d+)\/"[^>]*>[^<]*<\/a>(.*?)<\/div>|<div style="[^"]*">(.*?)<\/div>|<div>(\d[^<]*)<\/div>/g
  for (const [, sign, port, name, about, title] of html.matchAll(line)) {
    if (sign !== undefined) {
      const outcome = mark[sign as keyof typeof mark]
      found.push({ port: Number(port), name: `${section} ${name}`, outcome, reason: "" })
    } else if (about !== undefined) {
      const last = found.at(-1)
      const words = about.replaceAll("&nbsp;", " ").trim()
      if (last !== undefined) last.reason = [last.reason, words].filter((part) => part !== "").join(" ")
    } else if (title !== undefined && !title.includes("tests,")) {
      section = title.split(". ")[0] ?? title
    }
  }
  return found
}

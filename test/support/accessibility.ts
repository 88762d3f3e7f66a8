import axe from "axe-core"
import type { Page } from "playwright-core"

interface Violation {
  readonly id: string
  readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[]
}

/** What axe finds wrong with the page as it is shown: contrast, names, roles, sizes of targets. A line for each place. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // Between two colour schemes a colour is neither the one nor the other.
  await page.waitForFunction("document.getAnimations().every(({ playState }) => playState !== 'running')")
  // Evaluated, since the pages' Content-Security-Policy lets no script of others in.
  await page.evaluate(axe.source)
  const violations = await page.evaluate<Violation[]>("axe.run().then(({ violations }) => violations)")
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary.replaceAll(/\s+/g, " ")}`,
    ),
  )
}

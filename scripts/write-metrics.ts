import { writeFileSync } from "node:fs"
import { metrics } from "../src/control/admin/metric-table.ts"
import { wrapProse } from "./wrap-prose.ts"

/** docs/metrics.md, from src/control/admin/metric-table.ts. */
export function metricsPage(): string {
  const cell = (text: string): string => text.replaceAll("|", "\\|")
  const rows = metrics.map(({ name, kind, help, labels }) => {
    const said = Object.entries(labels).map(([label, values]) => `\`${label}\`: ${values}`)
    return `| \`${name}\` | ${kind} | ${cell(help)} | ${cell(said.join("; "))} |`
  })
  return wrapProse(`# Metrics

Written by \`node scripts/write-metrics.ts\` from \`src/control/admin/metric-table.ts\`.

\`GET /metrics\` of the [admin API](admin.md) has them in Prometheus' text format, and as OpenMetrics where the scraper
accepts that. They are read at the scrape from numbers that the data threads keep anyway, so a scrape asks none of them
anything. Where the API wants a token, Prometheus shows it by \`authorization: { credentials_file: ... }\`.

With \`metrics: basic\` (\`sluice_metrics basic;\` in nginx.conf), and where the admin API is off, nothing is counted by
route and there are no histograms. \`sluice_route_...\` costs a message 12 to 40 ns, where it costs some 2.6 µs in all, and a stream three numbers.

| metric | kind | meaning | labels, and what bounds their values |
| --- | --- | --- | --- |
${rows.join("\n")}

Counts of an endpoint begin anew when it has left its cluster and come again, those of a route when a configuration
without it was in force and its last stream is over. Two servers of one first name are counted as one. Times in ticks of
a tenth of a second are in no bucket that they might be above. \`packaging/prometheus\` has alert rules, with
tests that \`promtool test rules\` runs, and a dashboard for Grafana.
`)
}

if (import.meta.main) writeFileSync(new URL("../docs/metrics.md", import.meta.url), metricsPage())

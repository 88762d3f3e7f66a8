const LEVELS: Readonly<Record<string, string>> = { debug: "90", info: "36", warn: "33", error: "31" }

/**
 * A JSON log line for people: `06:11:22.042 warn  a backend is out  endpoint=127.0.0.1:3000`, local time.
 * Control characters do not reach the terminal: values are quoted as JSON, messages have them replaced by `·`.
 */
export function readableLine(json: string, color: boolean): string {
  const { level, time, message, ...fields } = JSON.parse(json) as Record<string, unknown>
  const name = String(level).padEnd(5)
  const shown = color ? `\u001b[${LEVELS[String(level)] ?? "0"}m${name}\u001b[0m` : name
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${valueText(value)}`)
  return [clockText(String(time)), shown, printable(String(message)), ...pairs].join(" ")
}

function clockText(iso: string): string {
  const date = new Date(iso)
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) =>
    String(part).padStart(2, "0"),
  )
  return `${parts.join(":")}.${String(date.getMilliseconds()).padStart(3, "0")}`
}

function valueText(value: unknown): string {
  const text =
    typeof value === "string" ? value : Array.isArray(value) ? value.join("; ") : JSON.stringify(value)
  return /^[!#-<>-~\u00a1-\uffff]+$/.test(text) ? text : printable(JSON.stringify(text))
}

function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "·")
}

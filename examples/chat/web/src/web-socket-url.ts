/**
 * Where the conversations go: `?ws=` of the page's address, else what the page's server says in config.json
 * (`webSocketPort` on the page's own host, `webSocketPath`), else /ws beside the page.
 */
export async function webSocketUrl(page: URL): Promise<string> {
  const given = page.searchParams.get("ws")
  if (given !== null) return given
  const config = await fetchConfig(new URL("config.json", page))
  const url = new URL(config.webSocketPath ?? "/ws", page)
  url.protocol = page.protocol === "https:" ? "wss:" : "ws:"
  if (config.webSocketPort !== undefined) url.port = String(config.webSocketPort)
  return url.href
}

interface PageConfig {
  webSocketPort?: number
  webSocketPath?: string
}

async function fetchConfig(url: URL): Promise<PageConfig> {
  try {
    const response = await fetch(url)
    return response.ok ? ((await response.json()) as PageConfig) : {}
  } catch {
    return {}
  }
}

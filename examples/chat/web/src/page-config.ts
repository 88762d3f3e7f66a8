export interface PageConfig {
  /** Where the conversations go. */
  readonly webSocketUrl: string
  /** Sluice's own page; null: there is none, nor anything to show beside the chats. */
  readonly dashboardUrl: string | null
}

/**
 * Conversations go to `?ws=` of the page's address, else to what the page's server says in config.json (`webSocketPort` on
 * the page's own host, `webSocketPath`), else to /ws beside the page.
 */
export async function pageConfig(page: URL): Promise<PageConfig> {
  const given = page.searchParams.get("ws")
  if (given !== null) return { webSocketUrl: given, dashboardUrl: null }
  const told = await fetchConfig(new URL("config.json", page))
  const url = new URL(told.webSocketPath ?? "/ws", page)
  url.protocol = page.protocol === "https:" ? "wss:" : "ws:"
  if (told.webSocketPort !== undefined) url.port = String(told.webSocketPort)
  return { webSocketUrl: url.href, dashboardUrl: told.dashboardUrl ?? null }
}

interface Told {
  webSocketPort?: number
  webSocketPath?: string
  dashboardUrl?: string
}

async function fetchConfig(url: URL): Promise<Told> {
  try {
    const response = await fetch(url)
    return response.ok ? ((await response.json()) as Told) : {}
  } catch {
    return {}
  }
}

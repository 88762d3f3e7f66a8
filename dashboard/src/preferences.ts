import { useEffect, useState } from "preact/hooks"

export type Language = "en" | "zh"
export type Theme = "auto" | "light" | "dark"
const THEMES: readonly Theme[] = ["auto", "light", "dark"]

/** A choice that outlives the page; `fallback` rules until one is made. Storage may be denied: then it lasts as long as the page. */
function useStored<T extends string>(
  key: string,
  allowed: readonly T[],
  fallback: T,
): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => {
    try {
      const stored = localStorage.getItem(key) as T
      return allowed.includes(stored) ? stored : fallback
    } catch {
      return fallback
    }
  })
  return [
    value,
    (next) => {
      setValue(next)
      try {
        localStorage.setItem(key, next)
      } catch {}
    },
  ]
}

/** The language and the way to switch it. */
export function useLanguage(): [Language, () => void] {
  const [language, setLanguage] = useStored<Language>(
    "language",
    ["zh", "en"],
    preferredLanguage(navigator.languages),
  )
  useEffect(() => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en"
  }, [language])
  return [language, () => setLanguage(language === "zh" ? "en" : "zh")]
}

/** The theme and the way to the next one. */
export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useStored<Theme>("theme", THEMES, "auto")
  useEffect(() => {
    document.documentElement.dataset.theme = theme
  }, [theme])
  return [theme, () => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!)]
}

function preferredLanguage(languages: readonly string[]): Language {
  return languages[0]?.toLowerCase().startsWith("zh") ? "zh" : "en"
}

import type { ComponentChildren } from "preact"

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
      {children}
    </svg>
  )
}

/** Water behind the gate, and streams beyond it. */
export const Logo = () => (
  <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
    <path class="logo-gate" d="M16 5v22" />
    <path d="M4 12.5c2.7-2.2 5.3-2.2 8 0M4 19.5c2.7-2.2 5.3-2.2 8 0" />
    <path d="M20 9c2.7-2.2 5.3-2.2 8 0M20 16c2.7-2.2 5.3-2.2 8 0M20 23c2.7-2.2 5.3-2.2 8 0" />
  </svg>
)
export const PlusIcon = () => (
  <Icon>
    <path d="M10 4v12M4 10h12" />
  </Icon>
)
export const CloseIcon = () => (
  <Icon>
    <path d="m5 5 10 10M15 5 5 15" />
  </Icon>
)
export const SendIcon = () => (
  <Icon>
    <path d="M10 16V4.5M5 9l5-5 5 5" />
  </Icon>
)
export const DownIcon = () => (
  <Icon>
    <path d="M10 4v11.5M5 11l5 5 5-5" />
  </Icon>
)
export const ThemeIcon = { auto: HalfIcon, light: SunIcon, dark: MoonIcon }

function HalfIcon() {
  return (
    <Icon>
      <circle cx="10" cy="10" r="6.5" />
      <path d="M10 3.5a6.5 6.5 0 0 1 0 13z" class="filled" />
    </Icon>
  )
}

function SunIcon() {
  return (
    <Icon>
      <circle cx="10" cy="10" r="3.5" />
      <path d="M10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1" />
    </Icon>
  )
}

function MoonIcon() {
  return (
    <Icon>
      <path d="M16 11.7A6.5 6.5 0 0 1 8.3 4a6.5 6.5 0 1 0 7.7 7.7z" />
    </Icon>
  )
}

import type { ComponentChildren } from "preact"

/** Water behind the gate, and streams beyond it. */
export const Logo = () => (
  <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
    <path class="logo-gate" d="M16 5v22" />
    <path d="M4 12.5c2.7-2.2 5.3-2.2 8 0M4 19.5c2.7-2.2 5.3-2.2 8 0" />
    <path d="M20 9c2.7-2.2 5.3-2.2 8 0M20 16c2.7-2.2 5.3-2.2 8 0M20 23c2.7-2.2 5.3-2.2 8 0" />
  </svg>
)

export function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
      {children}
    </svg>
  )
}

const Circle = () => <circle cx="10" cy="10" r="6.2" />

export const ThemeIcon = {
  auto: () => (
    <Icon>
      <Circle />
      <path class="filled" d="M10 3.8a6.2 6.2 0 0 1 0 12.4z" />
    </Icon>
  ),
  light: () => (
    <Icon>
      <circle cx="10" cy="10" r="3.4" />
      <path d="M10 2.5v1.6M10 15.9v1.6M2.5 10h1.6M15.9 10h1.6M4.7 4.7l1.1 1.1M14.2 14.2l1.1 1.1M4.7 15.3l1.1-1.1M14.2 5.8l1.1-1.1" />
    </Icon>
  ),
  dark: () => (
    <Icon>
      <path d="M16.2 11.6A6.6 6.6 0 0 1 8.4 3.8a6.6 6.6 0 1 0 7.8 7.8z" />
    </Icon>
  ),
}

export const CloseIcon = () => (
  <Icon>
    <path d="m5 5 10 10M15 5 5 15" />
  </Icon>
)

/** The state of an endpoint by its shape, since colour alone tells not everyone. */
export const StateIcon = {
  up: <circle cx="6" cy="6" r="4" />,
  ejected: <path d="m6 1.2 5 9.3H1z" />,
  unhealthy: <path d="M2 2h8v8H2z" />,
  draining: <path d="m6 .8 5.2 5.2L6 11.2.8 6z" />,
} as const

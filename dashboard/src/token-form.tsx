import { useState } from "preact/hooks"
import type { Api } from "./api.ts"
import { Logo } from "./icons.tsx"
import type { Store } from "./store.ts"
import type { Strings } from "./strings.ts"

/** Where the API wants a token, and this page has none or a wrong one. */
export function TokenForm({ api, store, strings }: { api: Api; store: Store; strings: Strings }) {
  const [text, setText] = useState("")
  const words = strings.token
  return (
    <form
      class="card token"
      onSubmit={(event) => {
        event.preventDefault()
        api.token = text.trim()
        void store.refresh()
      }}
    >
      <h1>
        <Logo />
        Sluice
      </h1>
      <p>{words.title}</p>
      {api.token !== null && (
        <p class="problem" role="alert">
          {words.wrong}
        </p>
      )}
      <label>
        {words.label}
        <input
          type="password"
          autocomplete="current-password"
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary">
        {words.enter}
      </button>
    </form>
  )
}

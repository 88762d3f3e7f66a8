import type { RefObject } from "preact"
import { useLayoutEffect, useState } from "preact/hooks"
import { type Conversation, HEARTBEAT } from "./conversation.ts"
import { SendIcon } from "./icons.tsx"
import type { Strings } from "./strings.ts"

export interface ComposerProps {
  conversation: Conversation
  open: boolean
  active: boolean
  input: RefObject<HTMLTextAreaElement | null>
  strings: Strings
}

/** The four kinds of input the server tells apart, in the order of Alt+1 … Alt+4. */
const COMMANDS = [
  { key: "hello", input: "你好" },
  { key: "stream", input: "返回数据流" },
  { key: "heartbeat", input: HEARTBEAT },
  { key: "end", input: "结束对话" },
] as const

export function Composer({ conversation, open, active, input, strings }: ComposerProps) {
  const [text, setText] = useState("")
  const [lastSaid, setLastSaid] = useState("")
  useGrowing(input, text)
  useCommandKeys(active, (index) => conversation.say(COMMANDS[index]!.input))

  const send = () => {
    // After an end, Enter begins anew, with what was typed.
    if (!open) return conversation.restart(text === "" ? null : takeText())
    if (text === "" || !conversation.say(text)) return
    takeText()
  }
  const takeText = () => {
    setLastSaid(text)
    setText("")
    input.current?.focus()
    return text
  }
  const onKeyDown = (event: KeyboardEvent) => {
    // While a Chinese input method is composing, Enter picks a word.
    if (event.isComposing) return
    if (event.key === "Enter" && !event.shiftKey) send()
    else if (event.key === "ArrowUp" && text === "") setText(lastSaid)
    else return
    event.preventDefault()
  }
  return (
    <footer class="composer">
      <fieldset class="commands" disabled={!open} aria-label={strings.commands}>
        {COMMANDS.map(({ key, input }, index) => (
          <button
            key={key}
            type="button"
            class={`command command-${key}`}
            title={`${strings[`${key}Hint`]} (Alt+${index + 1})`}
            onClick={() => conversation.say(input)}
          >
            {strings[key]}
          </button>
        ))}
      </fieldset>
      <div class="compose-line">
        <textarea
          ref={input}
          rows={1}
          value={text}
          placeholder={open ? strings.placeholder : strings.placeholderClosed}
          aria-label={strings.placeholder}
          enterkeyhint="send"
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        <button
          type="button"
          class="primary send"
          disabled={!open || text === ""}
          aria-label={strings.send}
          title={strings.send}
          onClick={send}
        >
          <SendIcon />
        </button>
      </div>
    </footer>
  )
}

/** Makes the text area as high as its text; CSS has the limit. */
function useGrowing(area: RefObject<HTMLTextAreaElement | null>, text: string): void {
  useLayoutEffect(() => {
    const element = area.current!
    element.style.height = "auto"
    const borders = element.offsetHeight - element.clientHeight
    if (text !== "") element.style.height = `${element.scrollHeight + borders}px`
  }, [area, text])
}

function useCommandKeys(active: boolean, run: (index: number) => void): void {
  useLayoutEffect(() => {
    if (!active) return
    const onKeyDown = (event: KeyboardEvent) => {
      const index = ["Digit1", "Digit2", "Digit3", "Digit4"].indexOf(event.code)
      if (!event.altKey || event.ctrlKey || event.metaKey || index < 0) return
      event.preventDefault()
      run(index)
    }
    addEventListener("keydown", onKeyDown)
    return () => removeEventListener("keydown", onKeyDown)
  })
}

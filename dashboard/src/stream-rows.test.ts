/** Rows in a page that has no more of a browser than they use. */
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import type { Stream } from "./api.ts"
import { frames } from "./frame-queue.ts"
import { StreamRows } from "./stream-rows.ts"
import { STRINGS } from "./strings.ts"

const ROW_PX = 34
const HEIGHT_PX = 340

class PageElement {
  readonly attributes = new Map<string, string>()
  readonly classes = new Set<string>()
  readonly childElementCount = 0
  readonly dataset: { id?: string } = {}
  readonly listeners = new Map<string, () => void>()
  readonly style = { height: "", top: "" }
  ariaHidden: string | null = null
  tabIndex = 0
  #isHidden = false

  readonly classList = {
    add: (name: string) => void this.classes.add(name),
    remove: (name: string) => void this.classes.delete(name),
    toggle: (name: string, isOn: boolean) => void (isOn ? this.classes.add(name) : this.classes.delete(name)),
  }

  get hidden(): boolean {
    return this.#isHidden
  }

  /** What cannot be seen has no focus. */
  set hidden(isHidden: boolean) {
    this.#isHidden = isHidden
    if (isHidden) this.remove()
  }

  remove(): void {
    if (page.activeElement === this) page.activeElement = null
  }

  focus(): void {
    page.activeElement = this
  }

  cloneNode(): PageElement {
    return new PageElement()
  }

  querySelectorAll(): PageElement[] {
    return Array.from({ length: 12 }, () => new PageElement())
  }

  appendChild<T>(child: T): T {
    return child
  }

  append(child: PageElement): void {
    elements.add(child)
  }

  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value)
  }

  addEventListener(type: string, listener: () => void): void {
    this.listeners.set(type, listener)
  }
}

/** The table's frame: it scrolls no further than its rows go, to whole pixels, and tells of it later. */
class Frame extends PageElement {
  #px = 0

  get scrollTop(): number {
    const endPx = Math.max(0, Number.parseFloat(all.style.height) - HEIGHT_PX)
    return Math.round(Math.min(this.#px, endPx))
  }

  set scrollTop(px: number) {
    this.#px = px
  }

  /** What a browser tells before its next frame, once the place has changed. */
  tell(): void {
    this.listeners.get("scroll")!()
  }
}

let page: { activeElement: PageElement | null; createElement: () => object }
let elements: Set<PageElement>
let frame: Frame
let all: PageElement
let ids: (string | null)[]
let resize: (heightPx: number) => void
let changed: (byRows: number) => void
let rows: StreamRows

const FIGURES = {
  ageMs: 1,
  idleMs: 1,
  requestMessages: 1,
  responseMessages: 1,
  requestBytes: 1,
  responseBytes: 1,
}
const TEXTS = { path: "/a/b", client: "c", endpoint: "e", waitsFor: null, legs: 1, resumes: 0 }

const streams = {
  anchor: null as { id: string; index: number } | null,
  overview: { count: 0 },
  row: (index: number) => {
    const id = ids[index] ?? null
    return id === null ? null : ({ id, ...TEXTS, ...FIGURES } as Stream)
  },
  want() {},
  subscribe(listener: typeof changed) {
    changed = listener
    return () => {}
  },
}

/** Another list: so many of its first and last rows have gone. */
function cut(first: number, last: number): void {
  ids = ids.slice(first, ids.length - last)
  streams.overview.count = ids.length
  changed(-first)
}

/** The reader scrolls. */
function scroll(px: number): void {
  frame.scrollTop = px
  frame.tell()
}

/** The element that a stream is in. */
const elementOf = (id: string) => [...elements].find(({ dataset, hidden }) => dataset.id === id && !hidden)
const isScrolling = () => [frame.classes.has("is-scrolling"), frames.isScrolling]

beforeEach(() => {
  vi.useFakeTimers()
  page = {
    activeElement: null,
    createElement: () => ({ content: { firstElementChild: new PageElement() } }),
  }
  elements = new Set()
  vi.stubGlobal("document", page)
  vi.stubGlobal("Text", class {})
  vi.stubGlobal("requestAnimationFrame", (call: () => void) => setTimeout(call, 16))
  vi.stubGlobal(
    "ResizeObserver",
    class {
      constructor(listener: (entries: object[]) => void) {
        resize = (height) => listener([{ contentRect: { height } }])
      }
      observe() {}
      disconnect() {}
    },
  )
  ids = Array.from({ length: 1000 }, (_, at) => `1-${at}`)
  ;[streams.anchor, streams.overview] = [null, { count: ids.length }]
  ;[frame, all] = [new Frame(), new PageElement()]
  const options = { frame, all, streams, strings: STRINGS.en, rowPx: ROW_PX, onOpen() {} }
  rows = new StreamRows(options as never)
  resize(HEIGHT_PX)
})

afterEach(() => {
  rows.stop()
  vi.useRealTimers()
})

test.for([
  ["in the middle", 400 * ROW_PX, 300 * ROW_PX],
  ["at the end", 1000 * ROW_PX - HEIGHT_PX, 900 * ROW_PX - HEIGHT_PX],
  ["near the end", 1000 * ROW_PX - HEIGHT_PX - 7, 900 * ROW_PX - HEIGHT_PX - 7],
  ["near the top", 50 * ROW_PX, 0],
] as const)("rows above go: the one that is read stays where it is, %s", ([, px, then]) => {
  scroll(px)
  cut(100, 0)
  expect(frame.scrollTop).toBe(then)
  expect(elementOf(`1-${100 + Math.floor(then / ROW_PX)}`)).toBeDefined()
})

test("rows above and below go: it is scrolled no further than to the end", () => {
  scroll(1000 * ROW_PX - HEIGHT_PX)
  cut(100, 50)
  expect(frame.scrollTop).toBe(850 * ROW_PX - HEIGHT_PX)
  expect(elementOf("1-949")).toBeDefined()
})

test("what the page scrolls by itself is nobody's scrolling, until the reader goes on", () => {
  scroll(400 * ROW_PX)
  expect(isScrolling()).toEqual([true, true])
  vi.advanceTimersByTime(200)
  expect(isScrolling()).toEqual([false, false])
  cut(100, 0)
  frame.tell()
  expect(isScrolling()).toEqual([false, false])
  scroll(301 * ROW_PX)
  expect(isScrolling()).toEqual([true, true])
})

test("a list that ends above what is read is nobody's scrolling", () => {
  // Its end is between two pixels.
  resize(HEIGHT_PX + 0.4)
  scroll(900 * ROW_PX)
  vi.advanceTimersByTime(200)
  cut(0, 500)
  frame.tell()
  expect(isScrolling()).toEqual([false, false])
  expect(elementOf("1-499")).toBeDefined()
})

test("with another height of rows the first one in view stays it", () => {
  scroll(400 * ROW_PX)
  rows.show(STRINGS.zh, 58, null)
  frame.tell()
  expect(frame.scrollTop).toBe(400 * 58)
  expect(elementOf("1-400")!.style.top).toBe(`${400 * 58}px`)
})

test("the focus of a row that goes is kept within the table", () => {
  elementOf("1-20")!.focus()
  cut(0, 985)
  expect(page.activeElement).toBe(frame)
})

test("a row that is still to come cannot have the focus", () => {
  const element = elementOf("1-5")!
  element.focus()
  ids[5] = null
  changed(0)
  expect([page.activeElement, element.ariaHidden, element.tabIndex]).toEqual([frame, "true", -1])
  ids[5] = "1-5"
  changed(0)
  expect([element.ariaHidden, element.tabIndex]).toEqual([null, 0])
})

test("a table that gets lower keeps the focus of the rows that it gives up", () => {
  const [last] = [...elements].slice(-1)
  last!.focus()
  resize(2 * ROW_PX)
  expect(page.activeElement).toBe(frame)
})

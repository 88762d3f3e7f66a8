import type { Stream } from "./api.ts"
import { bytes, duration, short } from "./format.ts"
import { frames } from "./frame-queue.ts"
import type { LiveStreams } from "./live-streams.ts"
import type { Strings } from "./strings.ts"

/** Rows above and below those in view; when fewer than half of them are left on a side, the next ones are drawn. */
const AROUND = 14
/** Rows whose figures are written anew within one frame. */
const FIGURES_A_FRAME = 8

/** The cells of a row, and within them an element for each text of `textsOf`. */
const ROW = `<div class="row" role="row" tabindex="0">
<span role="cell" class="cell cell-path"><span class="quiet service"></span><b></b></span>
<span role="cell" class="cell cell-client"></span>
<span role="cell" class="cell cell-endpoint"></span>
<span role="cell" class="cell cell-age"></span>
<span role="cell" class="cell cell-idle"></span>
<span role="cell" class="cell cell-messages"><span class="up"></span><span class="down"></span></span>
<span role="cell" class="cell cell-bytes"><span class="up"></span><span class="down"></span></span>
<span role="cell" class="cell cell-waits"><span class="waits"></span></span>
<span role="cell" class="cell cell-legs"></span>
</div>`.replaceAll("\n", "")

/** An element of a row, what stands in it, and where it is. */
interface Slot {
  readonly element: HTMLElement
  readonly texts: readonly Text[]
  index: number
  stream: Stream | null
}

/**
 * The rows that are in view, drawn by hand: each element is placed again where the next row is wanted, and of its texts
 * those are written that differ. Scrolling itself is the browser's, on its own thread, and reads no layout.
 */
export class StreamRows {
  readonly #frame: HTMLElement
  readonly #all: HTMLElement
  readonly #streams: LiveStreams
  readonly #onOpen: (id: string) => void
  readonly #template: Element
  readonly #sizes: ResizeObserver
  readonly #unsubscribe: () => void
  #strings: Strings
  #slots: Slot[] = []
  #rowPx: number
  #heightPx = 0
  #scrollPx = 0
  /** Where the page itself scrolled to. */
  #ownPx = Number.NEGATIVE_INFINITY
  #count = 0
  /** Of the rows drawn, the first. */
  #from = 0
  #opened: string | null = null
  #still = 0

  constructor(options: {
    frame: HTMLElement
    all: HTMLElement
    streams: LiveStreams
    strings: Strings
    rowPx: number
    onOpen(id: string): void
  }) {
    const { frame, all, streams, strings, rowPx, onOpen } = options
    this.#frame = frame
    this.#all = all
    this.#streams = streams
    this.#strings = strings
    this.#rowPx = rowPx
    this.#onOpen = onOpen
    const template = document.createElement("template")
    template.innerHTML = ROW
    this.#template = template.content.firstElementChild!
    this.#sizes = new ResizeObserver(([entry]) => this.#resize(entry!.contentRect.height))
    this.#sizes.observe(frame)
    this.#unsubscribe = streams.subscribe((byRows) => this.#changed(byRows))
    frame.addEventListener("scroll", () => this.#scrolled(), { passive: true })
    all.addEventListener("click", (event) => this.#open(event))
    all.addEventListener("keydown", (event) => this.#key(event))
    this.#changed(0)
  }

  stop(): void {
    this.#sizes.disconnect()
    this.#unsubscribe()
    clearTimeout(this.#still)
    frames.drop(this)
  }

  /** Other words, another height of rows, or another row that is open: all is drawn anew. */
  show(strings: Strings, rowPx: number, opened: string | null): void {
    const isOther = strings !== this.#strings || rowPx !== this.#rowPx
    const first = Math.round(this.#scrollPx / this.#rowPx)
    this.#strings = strings
    this.#rowPx = rowPx
    this.#opened = opened
    if (isOther) {
      this.#setHeight()
      this.#scrollTo(first * rowPx)
      this.#resize(this.#heightPx)
    }
    for (const slot of this.#slots) this.#mark(slot)
  }

  #resize(heightPx: number): void {
    this.#heightPx = heightPx
    const wanted = Math.ceil(heightPx / this.#rowPx) + 1 + 2 * AROUND
    while (this.#slots.length > wanted) {
      const { element } = this.#slots.pop()!
      this.#blur(element)
      element.remove()
    }
    while (this.#slots.length < wanted) this.#slots.push(this.#makeSlot())
    for (const slot of this.#slots) slot.index = -1
    this.#draw()
  }

  #makeSlot(): Slot {
    const element = this.#template.cloneNode(true) as HTMLElement
    const leaves = [...element.querySelectorAll("*")].filter((each) => each.childElementCount === 0)
    const texts = leaves.map((leaf) => leaf.appendChild(new Text()))
    this.#all.append(element)
    return { element, texts, index: -1, stream: null }
  }

  #scrolled(): void {
    this.#scrollPx = this.#frame.scrollTop
    // Nobody scrolls. Browsers round to pixels of the screen.
    if (Math.abs(this.#scrollPx - this.#ownPx) < 1) return
    this.#ownPx = Number.NEGATIVE_INFINITY
    frames.scrolled()
    const first = Math.floor(this.#scrollPx / this.#rowPx)
    const last = Math.ceil((this.#scrollPx + this.#heightPx) / this.#rowPx)
    this.#anchor(first)
    if (this.#still === 0) this.#frame.classList.add("is-scrolling")
    clearTimeout(this.#still)
    this.#still = setTimeout(() => this.#rest(), 150) as unknown as number
    const to = Math.min(this.#count, this.#from + this.#slots.length)
    const isLow = first - this.#from < AROUND / 2 && this.#from > 0
    if (isLow || (to - last < AROUND / 2 && to < this.#count)) this.#draw()
  }

  /** At the top the newest order is wanted; further down the row that is read. */
  #anchor(first: number): void {
    const stream = this.#streams.row(first)
    if (first === 0) this.#streams.anchor = null
    else if (stream !== null) this.#streams.anchor = { id: stream.id, index: first }
  }

  /** Readers of the screen find rows in their order. */
  #rest(): void {
    this.#still = 0
    this.#frame.classList.remove("is-scrolling")
    const { activeElement } = document
    const ordered = this.#slots.toSorted((one, other) => one.index - other.index)
    const focused = ordered.findIndex(({ element }) => element === activeElement)
    // One that is moved would lose the focus.
    for (const [at, { element }] of ordered.entries())
      if (at < focused) this.#all.insertBefore(element, activeElement)
      else if (at > focused) this.#all.append(element)
  }

  /** There is another list, in which what is read is so many rows further down. */
  #changed(byRows: number): void {
    const count = this.#streams.overview?.count ?? 0
    const px = this.#scrollPx + byRows * this.#rowPx
    if (count !== this.#count) {
      this.#count = count
      this.#setHeight()
    }
    if (byRows !== 0) this.#scrollTo(px)
    this.#draw()
  }

  #setHeight(): void {
    this.#all.style.height = `${this.#count * this.#rowPx}px`
    const endPx = this.#endPx()
    // The browser does the same.
    if (this.#scrollPx > endPx) this.#ownPx = this.#scrollPx = endPx
  }

  #scrollTo(px: number): void {
    this.#ownPx = this.#scrollPx = Math.max(0, Math.min(px, this.#endPx()))
    this.#frame.scrollTop = this.#scrollPx
  }

  #endPx(): number {
    return Math.max(0, this.#count * this.#rowPx - this.#heightPx)
  }

  /** Every row in view and around it is where it belongs; which stream is in it is told at once, its figures soon. */
  #draw(): void {
    const first = Math.floor(this.#scrollPx / this.#rowPx)
    const many = this.#slots.length
    this.#anchor(first)
    this.#from = Math.max(0, Math.min(first - AROUND, this.#count - many))
    this.#streams.want(this.#from, Math.min(this.#count, this.#from + many))
    let areOld = false
    for (let index = this.#from; index < this.#from + many; index++) {
      const slot = this.#slots[index % many]!
      const stream = this.#streams.row(index)
      const isBeyond = index >= this.#count
      if (isBeyond) this.#blur(slot.element)
      if (slot.element.hidden !== isBeyond) slot.element.hidden = isBeyond
      if (slot.index !== index) this.#place(slot, index)
      else if (slot.stream === stream) continue
      else if (slot.stream?.id === stream?.id) {
        areOld = true
        continue
      }
      this.#fill(slot, stream)
    }
    if (areOld) frames.post(this, () => this.#freshen())
  }

  /** Writes the figures of some rows whose streams are told of anew. True: there are more. */
  #freshen(): boolean {
    let left = FIGURES_A_FRAME
    for (const slot of this.#slots) {
      const stream = this.#streams.row(slot.index)
      if (stream === null || stream === slot.stream) continue
      if (left-- === 0) return true
      this.#fill(slot, stream)
    }
    return false
  }

  #place(slot: Slot, index: number): void {
    const { element } = slot
    // The stream that had the focus is out of view: no other gets it unasked.
    if (slot.index >= 0) this.#blur(element)
    slot.index = index
    element.style.top = `${index * this.#rowPx}px`
    element.setAttribute("aria-rowindex", String(index + 2))
  }

  /** The focus of a row that goes is kept within the table. */
  #blur(element: HTMLElement): void {
    if (element === document.activeElement) this.#frame.focus({ preventScroll: true })
  }

  #fill(slot: Slot, stream: Stream | null): void {
    const { element } = slot
    const isOther = stream?.id !== slot.stream?.id || slot.stream === null
    slot.stream = stream
    if (stream !== null)
      for (const [at, text] of textsOf(stream, this.#strings).entries())
        if (slot.texts[at]!.data !== text) slot.texts[at]!.data = text
    if (!isOther) return
    if (stream === null) this.#blur(element)
    element.tabIndex = stream === null ? -1 : 0
    if (stream === null) delete element.dataset.id
    else element.dataset.id = stream.id
    element.ariaHidden = stream === null ? "true" : null
    element.classList.toggle("row-coming", stream === null)
    this.#mark(slot)
  }

  #mark({ element, stream }: Slot): void {
    element.classList.toggle("row-open", this.#opened !== null && stream?.id === this.#opened)
  }

  #open(event: Event): void {
    const id = (event.target as Element).closest<HTMLElement>(".row")?.dataset.id
    if (id !== undefined) this.#onOpen(id)
  }

  #key(event: KeyboardEvent): void {
    const slot = this.#slots.find(({ element }) => element === document.activeElement)
    if (slot === undefined) return
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (event.key === "Enter") this.#open(event)
    else if (step !== undefined)
      this.#slots.find(({ index, stream }) => index === slot.index + step && stream !== null)?.element.focus()
    else return
    event.preventDefault()
  }
}

/** What stands in a row, in the order of its elements. */
export function textsOf(stream: Stream, { streams: words }: Strings): string[] {
  const { path, client, endpoint, waitsFor, legs, resumes } = stream
  const at = path.lastIndexOf("/") + 1
  return [
    path.slice(1, at),
    path.slice(at),
    client,
    endpoint === "" ? words.noEndpoint : endpoint,
    duration(stream.ageMs),
    duration(stream.idleMs),
    short(stream.requestMessages),
    short(stream.responseMessages),
    bytes(stream.requestBytes),
    bytes(stream.responseBytes),
    waitsFor === null ? "" : words.waits[waitsFor],
    legs > 1 || resumes > 0 ? String(legs) : "",
  ]
}

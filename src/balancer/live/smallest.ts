/** The `most` smallest of many, as they come: a heap with the largest of them on top. */
export class Smallest<Item> {
  readonly #most: number
  readonly #compare: (one: Item, other: Item) => number
  readonly #heap: Item[] = []

  constructor(most: number, compare: (one: Item, other: Item) => number) {
    this.#most = most
    this.#compare = compare
  }

  /** What an item must be smaller than, once there are as many as are wanted. */
  get bound(): Item | undefined {
    return this.#heap.length < this.#most ? undefined : this.#heap[0]
  }

  add(item: Item): void {
    const heap = this.#heap
    if (heap.length < this.#most) {
      heap.push(item)
      this.#up(heap.length - 1)
    } else if (this.#most > 0 && this.#compare(item, heap[0]!) < 0) {
      heap[0] = item
      this.#down()
    }
  }

  /** Takes out the largest of those that are left. */
  takeLargest(): Item | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (heap.length > 0) {
      heap[0] = last!
      this.#down()
    }
    return top
  }

  #up(from: number): void {
    const heap = this.#heap
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1
      if (this.#compare(heap[at]!, heap[parent]!) <= 0) return
      swap(heap, at, parent)
      at = parent
    }
  }

  #down(): void {
    const heap = this.#heap
    for (let at = 0; ; ) {
      const left = 2 * at + 1
      if (left >= heap.length) return
      const right = left + 1
      const larger = right < heap.length && this.#compare(heap[right]!, heap[left]!) > 0 ? right : left
      if (this.#compare(heap[at]!, heap[larger]!) >= 0) return
      swap(heap, at, larger)
      at = larger
    }
  }
}

function swap(list: unknown[], one: number, other: number): void {
  const item = list[one]
  list[one] = list[other]
  list[other] = item
}

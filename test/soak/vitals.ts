/** How a balancer is, right after its garbage was collected. Octets and counts. */
export interface Vitals {
  heapUsed: number
  /** Buffers outside of the heap. */
  external: number
  rss: number
  sockets: number
  timers: number
  connections: number
  streams: number
  streamsEnded: number
  deadlines: number
  bufferedOctets: number
  upstreamConnections: number
  /** Errors that were not expected. */
  uncaught: number
  /** Streams refused for overload. */
  overload: number
}

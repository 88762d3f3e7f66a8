import type { Socket } from "node:net"

/**
 * Octets of a write under way that the kernel has not taken. It falls with each part that is taken, where `writableLength`
 * falls with whole writes: a peer that reads slowly is told from one that does not read.
 */
export function writeQueueOctets(socket: Socket): number {
  return (socket as { _handle?: { writeQueueSize?: number } | null })._handle?.writeQueueSize ?? 0
}

/**
 * So much of what is written to a client counts as sent before the kernel has it: answers to pipelined requests leave as one.
 */
export const UNSENT_OCTETS_MAX = 16_384

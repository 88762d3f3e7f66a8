/**
 * Response octets of earlier legs that still wait at the client. It takes them first, and their legs are over: credit
 * for them must not go to the present leg, which would then send past the window that it was given.
 *
 * The mirror image of what `ReplayBuffer` does for request octets. Made when a leg leaves some behind.
 */
export class EarlierLegs {
  #octets = 0

  /** A leg is over, and so many of its octets have not been taken. */
  left(octets: number): void {
    this.#octets += octets
  }

  /** Of `octets` that the client took, how many are the present leg's. */
  ofPresentLeg(octets: number): number {
    const earlier = Math.min(octets, this.#octets)
    this.#octets -= earlier
    return octets - earlier
  }
}

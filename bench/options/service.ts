/** What the backends of docs/options.md are asked, and where everything is unless said otherwise. */

export const ECHO_PATH = "/options.Options/Echo"
export const WHERE_PATH = "/options.Options/Where"

/** Of Sluice; backends are at the ports after it. Every port of the files in `conf/` begins with 70. */
export const FIRST_PORT = 7000
export const ADMIN_PORT = 7090

export const asItIs = (octets: Buffer): Buffer => octets

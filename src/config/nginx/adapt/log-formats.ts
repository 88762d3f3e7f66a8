/** The log formats that a file may name without defining them. */
import type { AccessLogConfig } from "../../model.ts"

export interface LogFormat {
  name: string
  template: string
  escape: AccessLogConfig["escape"]
  /** In the file, not known beforehand. */
  written: boolean
}

const COMBINED =
  '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'

/** `combined` is nginx's own; `main` is in every stock nginx.conf, and so in the heads of those who write fragments. */
export function predefinedFormats(): Map<string, LogFormat> {
  return new Map([
    ["combined", { name: "combined", template: COMBINED, escape: "default", written: true }],
    [
      "main",
      { name: "main", template: `${COMBINED} "$http_x_forwarded_for"`, escape: "default", written: false },
    ],
  ])
}

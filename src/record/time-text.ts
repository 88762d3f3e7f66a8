/** Times as nginx writes them. */

/** Milliseconds as seconds with three decimals: `0.042`. Below zero counts as zero. */
export function seconds(ms: number): string {
  const whole = Math.max(0, Math.floor(ms))
  const rest = whole % 1000
  return `${(whole - rest) / 1000}.${rest < 10 ? "00" : rest < 100 ? "0" : ""}${rest}`
}

/** `23/Nov/2026:06:11:22 +0000`, in the process's time zone. */
export const localTime = oncePerSecond((date) => {
  const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`
  return `${day}:${clockTime(date)} ${zone(date, "")}`
})

/** `2026-11-23T06:11:22+00:00`, in the process's time zone. */
export const isoTime = oncePerSecond((date) => {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day}T${clockTime(date)}${zone(date, ":")}`
})

/** The same with milliseconds: `2026-11-23T06:11:22.042+00:00`. */
export function isoTimeMs(wallMs: number): string {
  return isoTime(wallMs).replace(/(?<=T.{8})/, seconds(wallMs % 1000).slice(1))
}

/** `Monday, 23-Nov-2026 06:11:22 GMT`: nginx's `$date_gmt`. */
export const gmtTime = oncePerSecond((date) => {
  const day = `${two(date.getUTCDate())}-${MONTHS[date.getUTCMonth()]}-${date.getUTCFullYear()}`
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(":")
  return `${DAYS[date.getUTCDay()]}, ${day} ${time} GMT`
})

/** The same in the process's time zone: nginx's `$date_local`. */
export const zonedTime = oncePerSecond((date) => {
  const day = `${two(date.getDate())}-${MONTHS[date.getMonth()]}-${date.getFullYear()}`
  return `${DAYS[date.getDay()]}, ${day} ${clockTime(date)} ${zoneName(date)}`
})

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

function zoneName(date: Date): string {
  return new Intl.DateTimeFormat("en-US", { timeZoneName: "short" })
    .formatToParts(date)
    .find(({ type }) => type === "timeZoneName")!.value
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/** Many lines share a second: its text is made once. */
function oncePerSecond(format: (date: Date) => string): (wallMs: number) => string {
  let second = -1
  let text = ""
  return (wallMs) => {
    const now = Math.floor(wallMs / 1000)
    if (now !== second) {
      second = now
      text = format(new Date(now * 1000))
    }
    return text
  }
}

function clockTime(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

function zone(date: Date, colon: string): string {
  const minutes = -date.getTimezoneOffset()
  const size = Math.abs(minutes)
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${colon}${two(size % 60)}`
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}

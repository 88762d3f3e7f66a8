import { HeaderList, type RequestHead } from "../http2/header-list.ts"
import type { ConnectionRecord } from "../record/record.ts"
import { NewStreamRecord } from "../record/stream-record.ts"

/** A session has no request: all of them share this. */
const NO_HEAD: RequestHead = {
  list: new HeaderList([]),
  method: "",
  scheme: "tcp",
  authority: "",
  path: "",
  contentLength: -1,
}

/** The record of a session: that of a stream without head and messages, the only one of its connection. */
export function newTcpRecord(
  connection: ConnectionRecord,
  serverName: string,
  startMs: number,
): NewStreamRecord {
  connection.requests = 1
  return new NewStreamRecord(connection, NO_HEAD, serverName, startMs)
}

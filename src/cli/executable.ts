/** The program of the single executable: `sluice`, a data thread of it, a thread for passwords, or the process that copies its sockets. */
import { isMainThread, workerData } from "node:worker_threads"
import { PASSWORD_THREAD } from "../access/slow-hashes.ts"
import { OWN_PROGRAM } from "../base/program-file.ts"
import { begin } from "./begin.ts"

const [, , first] = process.argv
if (!isMainThread)
  void (workerData === PASSWORD_THREAD
    ? import("../access/password-thread.ts")
    : import("../balancer/thread/data-thread.ts"))
else if (first === `${OWN_PROGRAM}copy-sockets`) {
  // As that program finds them when it is a file.
  process.argv.splice(2, 1)
  void import("../net/copy-sockets.ts")
} else void begin()

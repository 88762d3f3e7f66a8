import { serverCommand } from "./commands.ts"

await serverCommand("chat:server").parseAsync()

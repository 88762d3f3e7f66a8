import { clientCommand } from "./commands.ts"

await clientCommand("chat:client").parseAsync()

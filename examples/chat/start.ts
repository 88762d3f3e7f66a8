import { demoCommand } from "./commands.ts"

await demoCommand("npm start --").parseAsync()

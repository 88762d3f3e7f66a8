import { Argument, Command, CommanderError } from "commander"
import { VERSION } from "../base/version.ts"
import type { LoadedConfig } from "../config/load.ts"
import type { ConfigFiles } from "../config/nginx/include.ts"
import { addAdminCommands } from "./admin/commands.ts"
import { wantsColor } from "./colors.ts"
import { completion, SHELLS, type Shell } from "./completion.ts"

/** By which a GatewayClass names this controller, where nothing else is said. */
const CONTROLLER_NAME = "sluice.dev/gateway"

const collect = (value: string, before: string[] = []): string[] => [...before, value]

/**
 * What `sluice` understands: of it the help, the completions of shells and the man pages are made. Each command imports
 * what it does when it does it: `sluice status` waits for no configuration language.
 */
export function commands(): Command {
  const program = new Command("sluice")
    .description(
      "A load balancer for long-lived gRPC streams. Runs your nginx.conf; never cuts a live stream.",
    )
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError("(see --help)")
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      "after",
      `
Examples:
  sluice run nginx.conf
  sluice run --listen 8080 --to 127.0.0.1:3000 --to 127.0.0.1:3001
  sluice check nginx.conf
  sluice adapt nginx.conf > sluice.yaml
  sluice status
  sluice streams 'idle:>5m'
  sluice drain 10.0.0.3:50051
  sluice demo

Exit codes: 0 fine, 1 failed at runtime, 2 wrong usage or configuration.`,
    )

  program
    .command("run")
    .description(
      "run a configuration (nginx.conf or sluice.yaml), or balance over --to addresses with no file",
    )
    .argument("[config]", "nginx.conf, sluice.yaml or sluice.json")
    .option(
      "-l, --listen <address>",
      "listen here: 8080, 127.0.0.1:8080, unix:/run/sluice.sock (repeatable) (default: 8080)",
      collect,
    )
    .option("-t, --to <address>", "a backend: host:port, [v6]:port or unix:/path (repeatable)", collect)
    .option("--xds <file>", "a bootstrap file: a control plane says what to serve, beside the file or alone")
    .option("--json", "log and announce as JSON lines", false)
    .option("--strict", "do not run a configuration that has warnings", false)
    .option(
      "--serve-what-runs",
      "of an nginx.conf: locations that cannot run answer 501, instead of stopping the file",
      false,
    )
    .option("--watch", "reload by itself when a file of the configuration changes", false)
    .addHelpText(
      "after",
      `
Signals:
  SIGTERM, SIGINT  GOAWAY, let streams finish within the grace time, end; a second one ends at once
  SIGHUP           read the configuration again, and open the log files again; live streams are not touched
  SIGUSR1          open the log files again

Examples:
  sluice run /etc/nginx/nginx.conf
  sluice run --xds bootstrap.yaml
  sluice run --listen 8080 --to 127.0.0.1:3000 --to 127.0.0.1:3001`,
    )
    .action(
      async (
        config: string | undefined,
        {
          listen = ["8080"],
          to = [],
          xds,
          json,
          strict,
          serveWhatRuns,
          watch,
        }: {
          listen?: string[]
          to?: string[]
          xds?: string
          json: boolean
          strict: boolean
          serveWhatRuns: boolean
          watch: boolean
        },
        command,
      ) => {
        const isAlone = config === undefined && xds !== undefined
        if (to.length > 0 ? config !== undefined || xds !== undefined : config === undefined && !isAlone)
          command.error(
            "error: give either a configuration file, --xds or both, or --to addresses (see sluice run --help)",
            {
              exitCode: 2,
            },
          )
        const [{ run }, load] = await Promise.all([import("./run.ts"), loadBy(serveWhatRuns)])
        process.exitCode = await run({
          listen,
          to,
          json,
          strict,
          watch,
          xds: xds ?? null,
          config: config ?? null,
          load,
        })
        // Whatever a library still holds open must not keep a stopped balancer alive.
        process.exit()
      },
    )

  program
    .command("check")
    .description("say everything that is wrong with a configuration, with file, line and column")
    .argument("<config>", "nginx.conf or sluice.yaml")
    .option("--json", "print one JSON object", false)
    .option("--strict", "warnings count as errors: exit code 2", false)
    .option(
      "--serve-what-runs",
      "of an nginx.conf: locations that cannot run answer 501, instead of stopping the file",
      false,
    )
    .addHelpText(
      "after",
      "\nExamples:\n  sluice check nginx.conf\n  sluice check sluice.yaml --json | jq .problems",
    )
    .action(
      async (
        config: string,
        { json, strict, serveWhatRuns }: { json: boolean; strict: boolean; serveWhatRuns: boolean },
      ) => {
        const [{ check }, load] = await Promise.all([import("./check.ts"), loadOnceBy(config, serveWhatRuns)])
        process.exitCode = await check(config, {
          json,
          strict,
          load,
          color: wantsColor(process.stdout, process.env),
          stdout: process.stdout,
        })
      },
    )

  program
    .command("adapt")
    .description("print an nginx.conf as the sluice.yaml that means the same")
    .argument("<config>", "nginx.conf")
    .addHelpText("after", "\nExample:\n  sluice adapt /etc/nginx/nginx.conf > sluice.yaml")
    .action(async (config: string) => {
      const { adapt } = await import("./adapt.ts")
      process.exitCode = adapt(config, {
        color: wantsColor(process.stderr, process.env),
        stdout: process.stdout,
        stderr: process.stderr,
      })
    })

  program
    .command("controller")
    .description(
      "serve Kubernetes' Gateway API: Gateways, GRPCRoutes and HTTPRoutes of the classes that name it",
    )
    .option(
      "--kubeconfig <file>",
      "who asks which API server. Default: the account of the pod that it runs in",
    )
    .option(
      "--gateway-class-controller <name>",
      "the controllerName of the GatewayClasses that are served",
      CONTROLLER_NAME,
    )
    .option("--namespace <name>", "resources of this namespace alone. Default: all")
    .option("--config <file>", "an nginx.conf or sluice.yaml: how it runs, and what is served besides")
    .option("--bind <address>", "where Gateways without an address of their own listen", "0.0.0.0")
    .option(
      "--pool <network>",
      "addresses of this machine, of which each Gateway gets one of its own: 192.0.2.16/28 (repeatable)",
      collect,
    )
    .option("--address <address>", "what Gateways say that they are reached at (repeatable)", collect)
    .option(
      "--publish-service <namespace/name>",
      "the Service that they are reached by: they say its addresses",
    )
    .option(
      "--lease-namespace <name>",
      "where the Lease of the leader is. Default: the account's, or the context's",
    )
    .option("--secrets-directory <path>", "where certificates are put. Default: a new temporary directory")
    .option(
      "--check",
      "print what the resources come to as a sluice.yaml, and what is wrong with them; write nothing",
      false,
    )
    .option("--json", "log and announce as JSON lines; with --check: print the statuses", false)
    .addHelpText(
      "after",
      `
Every process that runs it serves; one of them, which holds a Lease, writes what became of the resources into their
statuses. Signals: as of sluice run.

Examples:
  sluice controller --publish-service sluice/sluice
  sluice controller --kubeconfig ~/.kube/config --bind 127.0.0.1
  sluice controller --kubeconfig ~/.kube/config --check`,
    )
    .action(
      async (given: {
        kubeconfig?: string
        gatewayClassController: string
        namespace?: string
        config?: string
        bind: string
        pool?: string[]
        address?: string[]
        publishService?: string
        leaseNamespace?: string
        secretsDirectory?: string
        check: boolean
        json: boolean
      }) => {
        const { controller } = await import("./controller.ts")
        process.exitCode = await controller({
          gatewayClassController: given.gatewayClassController,
          kubeconfig: given.kubeconfig ?? null,
          config: given.config ?? null,
          namespace: given.namespace ?? null,
          leaseNamespace: given.leaseNamespace ?? null,
          bind: given.bind,
          pool: given.pool ?? [],
          addresses: given.address ?? [],
          publishService: given.publishService ?? null,
          secretsDirectory: given.secretsDirectory ?? null,
          json: given.json,
          check: given.check,
        })
        process.exit()
      },
    )

  addAdminCommands(program)

  program
    .command("doctor")
    .description("ask each backend of a configuration what keeps calls from working, before there are any")
    .argument("<config>", "nginx.conf or sluice.yaml")
    .option("--json", "print JSON", false)
    .addHelpText(
      "after",
      `
It connects to every endpoint as its routes would: HTTP/2, TLS, ALPN, certificates, the limit of streams, health,
reflection, and how often it takes a PING. Exit codes: 0 no trap, 1 there is one, 2 wrong usage or configuration.

Example:
  sluice doctor /etc/nginx/nginx.conf`,
    )
    .action(async (config: string, { json }: { json: boolean }) => {
      const { doctor } = await import("./doctor/doctor.ts")
      process.exitCode = await doctor(config, { json, stdout: process.stdout, stderr: process.stderr })
      // What a backend keeps open must not keep this alive.
      process.exit()
    })

  program
    .command("xds")
    .description("print the bootstrap file of gRPC clients that balance by themselves, as Sluice tells them")
    .addArgument(new Argument("<what>", "what to print").choices(["bootstrap"]))
    .argument("<config>", "nginx.conf or sluice.yaml, with an xDS server in it")
    .option("--server <address>", "where clients reach the server, if not at the address in the file")
    .option("--node <id>", "what the client is known by. Default: a name by chance")
    .addHelpText(
      "after",
      `
Example:
  sluice xds bootstrap sluice.yaml > bootstrap.json
  GRPC_XDS_BOOTSTRAP=bootstrap.json my-client xds:///chat`,
    )
    .action(async (_what: string, config: string, { server, node }: { server?: string; node?: string }) => {
      const { xdsBootstrap } = await import("./xds.ts")
      process.exitCode = xdsBootstrap(config, {
        server,
        node,
        color: wantsColor(process.stderr, process.env),
        stdout: process.stdout,
        stderr: process.stderr,
      })
    })

  program
    .command("demo")
    .description(
      "two chat servers behind Sluice on this machine, and what to type next (see sluice demo --help)",
    )
    .argument("[args...]")
    .helpOption(false)
    .allowUnknownOption()
    .action(async (args: string[]) => {
      const { demo } = await import("./demo.ts")
      process.exitCode = await demo(args)
    })
  program
    .command("nginx")
    .description("take nginx's own switches: -t, -T, -s, -c, -p, -g, -q, -v, -V (see sluice nginx -h)")
    .argument("[switches...]")

  program
    .command("completion")
    .description("print what a shell needs to complete the commands and options of sluice")
    .addArgument(new Argument("<shell>", "for which shell").choices(SHELLS))
    .addHelpText("after", "\nExample, in ~/.bashrc:\n  source <(sluice completion bash)")
    .action((shell: Shell) => void process.stdout.write(completion(program, shell)))
  return program
}

/** Does what the command line says; the exit code is set, or the process ended. */
export async function main(): Promise<void> {
  // The reader of our output has closed it: `sluice check nginx.conf | head`.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error
  })
  const [first, ...rest] = process.argv.slice(2)
  if (first === "nginx") {
    // Its switches are nginx's: commander would read -v and -h as its own.
    const { nginx } = await import("./nginx.ts")
    process.exitCode = await nginx(rest)
    process.exit()
  }
  try {
    await commands().parseAsync()
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode === 0 ? 0 : 2
  }
}

/** For one look at a file. */
async function loadOnceBy(path: string, servesWhatRuns: boolean): Promise<(path: string) => LoadedConfig> {
  const { isYamlFile, loadWith } = await import("../config/load-with.ts")
  const { rereadableFiles } = await import("../config/nginx/include.ts")
  const files = rereadableFiles()
  if (isYamlFile(path, files)) return loadBy(servesWhatRuns, files)
  return (asked) => loadWith(null, asked, files, undefined, { servesWhatRuns })
}

async function loadBy(
  servesWhatRuns: boolean,
  given: ConfigFiles | null = null,
): Promise<(path: string) => LoadedConfig> {
  const { loadConfig } = await import("../config/load.ts")
  const { rereadableFiles } = await import("../config/nginx/include.ts")
  const files = given ?? rereadableFiles()
  return (path) => loadConfig(path, files, undefined, { servesWhatRuns })
}

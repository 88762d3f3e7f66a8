/** `npm run conformance:nginx-tests`: nginx's own suite, through `sluice nginx` and through the nginx of this machine. */
import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { readMeasured, writeMeasured } from "../docs.ts"
import { readTap, type TapCounts } from "./tap.ts"

const HELP = `Runs files of nginx's own test suite (github.com/nginx/nginx-tests) with "sluice nginx" in nginx's place.

Usage: npm run conformance:nginx-tests -- --from DIR [options]

  --from DIR       the suite: a folder with grpc.t, lib/Test/Nginx.pm and the others
  --only NAME,...  files that begin so (default: ${"grpc,h2,http_,proxy"})
  --through NAME   sluice, nginx or both (default: both)
  --nginx PATH     the nginx that it runs beside; the suite is for the newest (default: nginx)
  --verbose        the names of the tests that fail
  --no-docs        leave docs/conformance.md and docs/conformance.json as they are

perl is needed; Test::Nginx comes with the suite. Exit code: 0; 2 for a usage error, or where there is no suite.
`

/** A file of the suite that goes on is stopped. */
const FILE_TIMEOUT_MS = 400_000

/**
 * The suite gives a program 3 s to start, and a machine with much to do needs more. Its HTTP/2 backends say nothing before
 * they have a request, and Sluice, as gRPC's clients, sends none before the backend's SETTINGS. Its clients of
 * HTTP/2 send none either, and those of HTTP/1.1 end lines with LF alone, and where Huffman's code ends with an octet it is padded
 * by one more, and its frames are larger than a peer that says nothing of it takes. All of that is refused here. It looks
 * for names of fields as nginx writes them, which are lower case here; it cannot read fields that are never indexed, which
 * are passed on as such (RFC 7541 §6.2.3), and for a 502 where a gRPC client is told so by grpc-status.
 */
const PATIENCE = `package Patience;
use POSIX ();
require Test::Nginx;
no warnings 'redefine';
*Test::Nginx::waitforfile = sub {
  my (undef, $file, $pid) = @_;
  for (1 .. 300) {
    return 1 if -e $file;
    return 0 if $pid && waitpid($pid, POSIX::WNOHANG()) != 0;
    select undef, undef, undef, 0.1;
  }
  return undef;
};
my $start = \\&Test::Nginx::http_start;
*Test::Nginx::http_start = sub {
  my ($request, %extra) = @_;
  if ($request =~ /^[^\\r\\n]*\\n/) {
    my ($head, $end, $body) = $request =~ /^(.*?\\n)(\\n|$)(.*)$/s;
    $head =~ s/\\r?\\n/\\r\\n/g;
    $end =~ s/^\\n$/\\r\\n/;
    $request = $head . $end . $body;
  }
  return $start->($request, %extra);
};
my $finish = \\&Test::Nginx::http_end;
*Test::Nginx::http_end = sub {
  my $text = $finish->(@_);
  return $text unless defined $text && $text =~ /^HTTP\\/1/;
  my ($head, $rest) = $text =~ /^(.*?\\r\\n)(\\r\\n.*)?$/s;
  $head =~ s{^([a-z][a-z0-9-]*)(?=:)}{join('-', map {
    $_ eq 'etag' ? 'ETag' : $_ eq 'www' ? 'WWW' : ucfirst($_)
  } split(m{-}, $1))}gem;
  return $head . ($rest // '');
};
unshift @INC, sub {
  my (undef, $file) = @_;
  return if $file ne 'Test/Nginx/HTTP2.pm' || !open my $in, '<', "lib/$file";
  my $text = do { local $/; <$in> };
  $text =~ s/substr\\(\\$ib, 0, 4\\) eq '0000'/substr(\\$ib, 0, 3) eq '000'/;
  open my $patched, '<', \\$text;
  return $patched;
};
if (eval { require Test::Nginx::HTTP2; 1 }) {
  my $read = \\&Test::Nginx::HTTP2::read;
  *Test::Nginx::HTTP2::read = sub {
    my $frames = $read->(@_);
    for my $fields (map { $_->{headers} || () } @$frames) {
      $fields->{':status'} = 502
        if ($fields->{':status'} // '') eq '200' && ($fields->{'grpc-message'} // '') =~ /^cluster /;
    }
    return $frames;
  };
  my $new = \\&Test::Nginx::HTTP2::new;
  *Test::Nginx::HTTP2::new = sub {
    my ($class, $port, %extra) = @_;
    $extra{preface} //= "PRI * HTTP/2.0\\x0d\\x0a\\x0d\\x0aSM\\x0d\\x0a\\x0d\\x0a\\0\\0\\0\\4\\0\\0\\0\\0\\0";
    my $self = $new->($class, $port, %extra);
    $self->h2_settings(0) if $self && $extra{pure};
    # The ACK has the bit that ends a stream, and the suite would take it for an end.
    $self->read(all => [{ type => 'SETTINGS' }], wait => 0.5) if $self && !$extra{pure} && $extra{preface} =~ /^PRI/;
    return $self;
  };
  my $stream = \\&Test::Nginx::HTTP2::new_stream;
  *Test::Nginx::HTTP2::new_stream = sub {
    my ($self, $uri, @rest) = @_;
    my $octets = 0;
    $octets += length($_->{name} // '') + length($_->{value} // '') for @{$uri->{headers} || []};
    $uri = { %$uri, continuation => [(16384) x ($octets >> 14)] }
      if $octets > 16384 && !defined $uri->{continuation};
    return $stream->($self, $uri, @rest);
  };
  my $body = \\&Test::Nginx::HTTP2::h2_body;
  *Test::Nginx::HTTP2::h2_body = sub {
    my ($self, $text, $extra) = @_;
    my $octets = length($text // '');
    $extra = { %{$extra || {}}, body_split => [(16384) x ($octets >> 14)] }
      if $octets > 16384 && !($extra && $extra->{body_split});
    return $body->($self, $text, $extra);
  };
  *Test::Nginx::HTTP2::huff = sub {
    my $code = &Test::Nginx::HTTP2::huff_code;
    my $bits = join '', map { $code->{$_} } split //, $_[0];
    my $length = length($bits) + (-length($bits) % 8);
    return pack("B$length", $bits . $code->{_eos});
  };
}
1;
`

const { values } = parseArgs({
  options: {
    from: { type: "string" },
    only: { type: "string", default: "grpc,h2,http_,proxy" },
    nginx: { type: "string", default: "nginx" },
    through: { type: "string", default: "both" },
    verbose: { type: "boolean", default: false },
    docs: { type: "boolean", default: true },
    help: { type: "boolean", default: false },
  },
  allowNegative: true,
})

type Runner = "sluice" | "nginx"
const runners: Runner[] = values.through === "both" ? ["sluice", "nginx"] : [values.through as Runner]
if (values.help) process.stdout.write(HELP)
else if (values.from === undefined || !["both", "sluice", "nginx"].includes(values.through)) {
  process.stderr.write(`No suite is given.\n\n${HELP}`)
  process.exitCode = 2
} else await runAll(resolve(values.from))

async function runAll(from: string): Promise<void> {
  const beginnings = values.only.split(",")
  const files = readdirSync(from)
    .filter((file) => file.endsWith(".t") && beginnings.some((each) => file.startsWith(each)))
    .sort()
  if (files.length === 0) {
    process.stderr.write(`${from}: no such files of the suite\n`)
    process.exitCode = 2
    return
  }
  const directory = mkdtempSync(join(tmpdir(), "nginx-tests-"))
  writeFileSync(join(directory, "Patience.pm"), PATIENCE)
  const measured = await readMeasured()
  const table = (measured.nginxTests ??= { version: "", files: {} })
  if (runners.includes("nginx")) table.version = versionOfNginx()
  for (const file of files) {
    const row = (table.files[file.slice(0, -2)] = {} as Partial<Record<Runner, string>>)
    for (const runner of runners) {
      const counts = await runFile(from, file, binaryOf(runner, directory), directory)
      row[runner] = counts.skipped === null ? `${counts.passed} of ${counts.cases}` : "-"
      const failed = values.verbose ? counts.failed.map((name) => `\n    ${name}`).join("") : ""
      process.stdout.write(`${file} ${runner}: ${row[runner]}${counts.skipped ?? ""}${failed}\n`)
    }
  }
  rmSync(directory, { recursive: true })
  if (values.docs) await writeMeasured(measured)
}

/** What stands for nginx. Debian's says that it has modules that are other packages' files: the suite would load them. */
function binaryOf(runner: Runner, directory: string): string {
  const path = join(directory, `${runner}-nginx`)
  const main = resolve(import.meta.dirname, "../../../src/cli/main.ts")
  const text =
    runner === "sluice"
      ? `exec "${process.execPath}" "${main}" nginx "$@"`
      : `if [ "$1" = -V ]; then "${values.nginx}" -V 2>&1 | sed 's/--with-[a-z_]*=dynamic//g'; exit; fi
exec "${values.nginx}" "$@"`
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  return path
}

function versionOfNginx(): string {
  const said = execFileSync("sh", ["-c", `"${values.nginx}" -v 2>&1`], { encoding: "utf8" })
  return /nginx\/([\d.]+)/.exec(said)?.[1] ?? ""
}

function runFile(from: string, file: string, binary: string, directory: string): Promise<TapCounts> {
  const { promise, resolve: done } = Promise.withResolvers<TapCounts>()
  const child = spawn("perl", [`-I${directory}`, "-Ilib", "-MPatience", file], {
    cwd: from,
    env: { ...process.env, TEST_NGINX_BINARY: binary },
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  })
  let text = ""
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    text += piece
  })
  // What the suite started, too, is of its process group.
  const end = (): void => void (child.pid !== undefined && killGroup(child.pid))
  const timer = setTimeout(end, FILE_TIMEOUT_MS)
  child.on("error", (error) => done({ cases: 0, passed: 0, failed: [], skipped: error.message }))
  child.on("exit", (code) => {
    clearTimeout(timer)
    end()
    done(readTap(text, code !== null))
  })
  return promise
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // It is gone.
  }
}

import process from 'node:process';
import { Command, InvalidArgumentError } from 'commander';
import { inputError } from '../core/errors.ts';
import { settings } from '../infra/config.ts';
import { dashboardToken, dashboardUrl } from '../infra/embedded/dashboard-token.ts';
import { requiredConnections } from './lib/services.ts';
import { outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';

interface WebFlags {
  readonly host: string;
  readonly port: number;
  readonly allowHost: readonly string[];
  readonly https?: boolean;
  readonly userHeader?: string;
  readonly approvers: readonly string[];
  readonly proxyFrom: readonly string[];
  readonly oidcIssuer?: string;
  readonly oidcClientId?: string;
  readonly oidcClaim: string;
  readonly publicUrl?: string;
}

const HELP = `
graft up starts it as well. It answers on this machine alone, and only to whoever opened it with its token; the token
is in .graft/dashboard-token, or in GRAFT_WEB_TOKEN. Behind a reverse proxy that signs people in, --user-header names
the header with the user. --oidc-issuer has people sign in at an OpenID provider, where this is registered with the
redirect PUBLIC_URL/auth/callback; GRAFT_OIDC_CLIENT_SECRET is its secret, if it has one. Either way, whoever is no
approver may look and change nothing.

Examples:
  graft web
  graft web --port 8080 --json
  graft web --host 0.0.0.0 --https --allow-host graft.example.org --user-header x-forwarded-user \\
    --proxy-from 10.0.0.7 --approvers ada,grace
  graft web --port 8080 --oidc-issuer https://id.example.org --oidc-client-id graft \\
    --public-url https://graft.example.org --allow-host graft.example.org --https --approvers ada@example.org`;

/** `graft web`: the dashboard, in the foreground. */
export function webCommand(): Command {
  const command = withCommonOptions(
    new Command('web')
      .description('Serve the dashboard until stopped.')
      .option('--host <address>', 'the address to listen on', '127.0.0.1')
      .option('--port <port>', 'the port; 0 takes any that is free', port, 0)
      .option('--allow-host <name>', 'another name[:port] that it is reached by (repeatable)', collect, [])
      .option('--https', 'it is reached by https, through a proxy')
      .option('--user-header <name>', 'a header in which a reverse proxy says who asks')
      .option('--proxy-from <addresses>', 'where that proxy’s requests come from', list, ['127.0.0.1', '::1'])
      .option('--oidc-issuer <url>', 'an OpenID provider that signs people in')
      .option('--oidc-client-id <id>', 'as what it knows this dashboard')
      .option('--oidc-claim <name>', 'the claim that names a person', 'email')
      .option('--public-url <url>', 'what browsers reach it by, as the provider knows it')
      .option('--approvers <users>', 'users who may approve, promote and change runs', list, [])
      .addHelpText('after', HELP),
  );
  return command.action((flags: WebFlags) => serve(flags, outputOf(command)));
}

async function serve(flags: WebFlags, output: Output): Promise<void> {
  const { host, https = false, userHeader } = flags;
  const connections = requiredConnections();
  const { webToken, stateDir } = settings();
  const token = webToken ?? (await dashboardToken(stateDir));
  if (!/^(127\.|localhost$|::1$)/.test(host) && flags.allowHost.length === 0) {
    const remedy = 'name what it is reached by: --allow-host NAME:PORT';
    throw inputError('WEB_HOST', '--host', `${host}, which others reach`, 'the names it answers to', remedy);
  }
  // Loaded here: the server and Temporal's client take a moment.
  const { startDashboard } = await import('../web/server/start.ts');
  const proxy =
    userHeader === undefined
      ? null
      : { userHeader: userHeader.toLowerCase(), approvers: flags.approvers, from: flags.proxyFrom };
  const dashboard = await startDashboard({
    ...{ connections, host, port: flags.port, token, proxy, secure: https, oidc: oidcOf(flags) },
    allowHosts: flags.allowHost,
    log: output.warn,
  });
  // A log is no place for the token.
  const isShown = process.stderr.isTTY && webToken === null;
  output.say(`dashboard: ${isShown ? dashboardUrl(dashboard.url, token) : dashboard.url}`);
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  await dashboard.close();
  output.say('stopped');
  output.result({ url: dashboard.url, status: 'stopped' });
}

/** Throws WEB_OIDC (input) where a part of it is missing. */
function oidcOf({ oidcIssuer, oidcClientId, oidcClaim, publicUrl, approvers }: WebFlags) {
  const given = [oidcIssuer, oidcClientId, publicUrl];
  if (given.every((value) => value === undefined)) return null;
  if (oidcIssuer === undefined || oidcClientId === undefined || publicUrl === undefined) {
    const remedy = 'name --oidc-issuer, --oidc-client-id and --public-url together';
    throw inputError('WEB_OIDC', 'graft web', 'a part of them', 'all three', remedy);
  }
  for (const [name, value] of [
    ['--oidc-issuer', oidcIssuer],
    ['--public-url', publicUrl],
  ] as const) {
    if (!URL.canParse(value)) throw inputError('WEB_OIDC', name, value, 'an address', 'https://id.example.org');
  }
  const { oidcClientSecret: clientSecret } = settings();
  return { issuer: oidcIssuer, clientId: oidcClientId, clientSecret, publicUrl, claim: oidcClaim, approvers };
}

function port(text: string): number {
  const value = Number(text);
  if (/^\d{1,5}$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError('a port from 0 to 65535 is needed.');
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value];
const list = (text: string): string[] => text.split(',').map((name) => name.trim());

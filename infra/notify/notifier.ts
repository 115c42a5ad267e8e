import type { NotifyMessage, NotifyTarget } from '../../contracts/notify-config.ts';
import { DEFAULT_TEXT, fillTemplate } from '../../core/notify/template.ts';
import { inputError, unreachable } from '../../core/errors.ts';
import { isRunId } from '../../core/ids.ts';
import { APPROVAL_SECRET, APPROVAL_URL, approvalLink, approvalToken } from '../approvals/link.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { AllowedHosts } from '../sources/url/address.ts';
import { runCommand } from './command.ts';
import { sendEmail } from './email.ts';
import { postJson } from './post.ts';
import { signatureHeaders } from './signature.ts';

export interface NotifierOptions {
  readonly allowed: AllowedHosts;
  /** The value of a variable of this process's environment; undefined where it is unset. */
  readonly variable: (name: string) => string | undefined;
  readonly nowMs: () => number;
  /** For the programs of `command`: without credentials. */
  readonly env: Readonly<Record<string, string>>;
}

export function createNotifier(options: NotifierOptions): Notifier {
  const secret = (name: string, what: string): string => {
    const value = options.variable(name) ?? '';
    if (value !== '') return value;
    throw inputError(
      'NOTIFY_SECRET',
      name,
      `unset where this worker runs`,
      what,
      `set ${name} and restart the workers`,
    );
  };
  return {
    async deliver(target, message, id, signal) {
      const stop = AbortSignal.any([signal, AbortSignal.timeout(target.timeoutSeconds * 1000)]);
      const how = waysToAnswer(target, message, options.variable);
      const text = fillTemplate(target.text ?? DEFAULT_TEXT[message.event], { ...message, how: how.text });
      switch (target.kind) {
        case 'webhook': {
          const body = JSON.stringify({ ...message, text, ...how.link });
          const key = secret(target.secretEnv, 'the secret that signs webhooks');
          const headers = signatureHeaders(id, Math.floor(options.nowMs() / 1000), body, key);
          return postJson({ ...addressOf(target, secret), body, headers, allowed: options.allowed, signal: stop });
        }
        case 'slack': {
          const url = secret(target.urlEnv, 'the address of an incoming webhook');
          const body = JSON.stringify({ text });
          return postJson({ url, shown: target.urlEnv, body, headers: {}, allowed: options.allowed, signal: stop });
        }
        case 'email':
          return sendEmail(target, message, {
            text,
            id,
            server: secret(target.smtpEnv, 'the mail server'),
            signal: stop,
          });
        case 'command':
          return runCommand(secret(target.commandEnv, 'the path of a program'), {
            input: JSON.stringify({ ...message, text, ...how.link }),
            shown: target.commandEnv,
            env: options.env,
            signal: stop,
          });
        default:
          return unreachable(target);
      }
    },
  };
}

/** How the receiver can answer: by a link in its own name where the workers can sign one, else by the command. */
function waysToAnswer(
  target: NotifyTarget,
  { event, runId, approval }: NotifyMessage,
  variable: NotifierOptions['variable'],
): { readonly text: string; readonly link: { readonly link?: string } } {
  if (event !== 'approval-wanted' || !approval) return { text: '–', link: {} };
  const [secret = '', base = ''] = [variable(APPROVAL_SECRET), variable(APPROVAL_URL)];
  const command = `graft approve ${runId}`;
  if (secret === '' || base === '' || !isRunId(runId)) return { text: command, link: {} };
  const expires = Math.floor(Date.parse(approval.expiresAt) / 1000);
  const link = approvalLink(base, approvalToken({ runId, round: approval.round, by: nameOf(target), expires }, secret));
  return { text: link, link: { link } };
}

/** In whose name the holder of a link answers; `promote.approvals.approvers` may list it. */
function nameOf(target: NotifyTarget): string {
  switch (target.kind) {
    case 'email':
      return target.to.length === 1 ? (target.to[0] ?? 'email') : `email to ${target.to.length}`;
    case 'webhook':
      return `webhook ${target.urlEnv ?? addressOf(target, () => '').shown}`;
    case 'slack':
      return `slack ${target.urlEnv}`;
    case 'command':
      return `command ${target.commandEnv}`;
    default:
      return unreachable(target);
  }
}

type Webhook = Extract<NotifyTarget, { kind: 'webhook' }>;

/** The address, and what may be shown of it. */
function addressOf(
  { url, urlEnv }: Webhook,
  secret: (name: string, what: string) => string,
): { readonly url: string; readonly shown: string } {
  if (urlEnv !== undefined) return { url: secret(urlEnv, 'the address of a webhook'), shown: urlEnv };
  const text = url ?? '';
  return { url: text, shown: URL.canParse(text) ? new URL(text).host : 'webhook' };
}

import { z } from 'zod';
import { NOTIFY_EVENTS, unknownPlaceholders } from '../core/notify/template.ts';

/** What somebody wants to be told of. */
export const NotifyEvent = z.enum(NOTIFY_EVENTS);
export type NotifyEvent = z.infer<typeof NotifyEvent>;

const on = z
  .array(NotifyEvent)
  .min(1)
  .default([...NOTIFY_EVENTS])
  .describe('Of what: finished, refused (by the gate), failed, approval-wanted.');

/** Secrets stay in the workers' environment; the prefix keeps a pipeline file from naming any other. */
const variable = z
  .string()
  .regex(/^GRAFT_NOTIFY_[A-Z0-9_]{1,60}$/, 'the name of an environment variable of the workers, GRAFT_NOTIFY_…');

const template = z
  .string()
  .max(4000)
  .superRefine((text, context) => {
    for (const name of unknownPlaceholders(text))
      context.addIssue({ code: 'custom', message: `{{${name}}} is unknown` });
  });
const text = template.optional().describe('The words, with {{runId}}, {{event}}, {{model}}, {{accuracy}} … in them.');
const timeoutSeconds = z.number().positive().max(60).default(10).describe('A try that takes longer has failed.');
const kind = <const K extends string>(name: K) => z.literal(name).describe('Which one; the other keys belong to it.');

export const NotifyTarget = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: kind('webhook'),
    url: z.string().min(1).max(2000).optional().describe('Where the JSON goes; or urlEnv.'),
    urlEnv: variable.optional().describe('The variable that holds the address, where it is a secret itself.'),
    secretEnv: variable.default('GRAFT_NOTIFY_SECRET').describe('The variable that holds the signing secret.'),
    timeoutSeconds,
    text,
    on,
  }),
  z.strictObject({
    kind: kind('slack'),
    urlEnv: variable
      .default('GRAFT_NOTIFY_SLACK_URL')
      .describe('The variable that holds the incoming webhook’s address.'),
    timeoutSeconds,
    text,
    on,
  }),
  z.strictObject({
    kind: kind('email'),
    to: z.array(z.email()).min(1).max(50).describe('Whom it goes to.'),
    from: z.email().describe('Whom it comes from.'),
    smtpEnv: variable
      .default('GRAFT_NOTIFY_SMTP_URL')
      .describe('The variable that holds the server: smtps://user:password@host:465.'),
    subject: template.optional().describe('The subject, with the same placeholders.'),
    timeoutSeconds,
    text,
    on,
  }),
  z.strictObject({
    kind: kind('command'),
    commandEnv: variable
      .default('GRAFT_NOTIFY_COMMAND')
      .describe('The variable that holds the program’s path; it gets the message as JSON on its standard input.'),
    timeoutSeconds,
    text,
    on,
  }),
]);
export type NotifyTarget = z.infer<typeof NotifyTarget>;

export const NotifyConfig = z
  .array(NotifyTarget)
  .max(20)
  .superRefine((targets, context) => {
    for (const [index, target] of targets.entries()) {
      if (target.kind === 'webhook' && (target.url === undefined) === (target.urlEnv === undefined)) {
        context.addIssue({ code: 'custom', path: [index], message: 'a webhook needs url or urlEnv, one of them' });
      }
    }
  })
  .default([])
  .describe('Who is told when a run ends or waits: webhook, slack, email, command.');
export type NotifyConfig = z.infer<typeof NotifyConfig>;

/** What is said; a webhook and a command get it as it is. */
export const NotifyMessage = z.object({
  kind: z.literal('graft.notification/1'),
  event: NotifyEvent,
  runId: z.string(),
  pipeline: z.string(),
  model: z.string(),
  /** Of the model; null where none was made. */
  version: z.int().nullable(),
  alias: z.string(),
  promoted: z.boolean(),
  /** On the test side; null where it was not scored. */
  accuracy: z.number().nullable(),
  /** Why: the gate's rules, or the error. */
  reason: z.string(),
  requestedBy: z.string(),
  at: z.string(),
  /** What waits, where approval is wanted. */
  approval: z.object({ round: z.int(), expiresAt: z.string() }).optional(),
});
export type NotifyMessage = z.infer<typeof NotifyMessage>;

export const NotifyInput = z.object({ message: NotifyMessage, targets: z.array(NotifyTarget) });
export type NotifyInput = z.infer<typeof NotifyInput>;

export const DeliverInput = z.object({ message: NotifyMessage, target: NotifyTarget });
export type DeliverInput = z.infer<typeof DeliverInput>;

/** `runs/<runId>/notifications/<event>.json`: who was told, and who could not be. */
export const NotifyReport = z.object({
  kind: z.literal('graft.notified/1'),
  message: NotifyMessage,
  deliveries: z.array(z.object({ target: z.string(), delivered: z.boolean(), problem: z.string().nullable() })),
});
export type NotifyReport = z.infer<typeof NotifyReport>;

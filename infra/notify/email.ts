import { createTransport } from 'nodemailer';
import type { NotifyMessage, NotifyTarget } from '../../contracts/notify-config.ts';
import { errnoOf, inputError, transientError } from '../../core/errors.ts';
import { DEFAULT_SUBJECT, fillTemplate } from '../../core/notify/template.ts';

interface Mail {
  readonly text: string;
  readonly id: string;
  /** smtp:// or smtps://, with user and password. */
  readonly server: string;
  readonly signal: AbortSignal;
}

/** Sends a mail through an SMTP server; a server that says no for good (5xx) is not asked again. */
export async function sendEmail(
  { to, from, subject, smtpEnv, timeoutSeconds }: Extract<NotifyTarget, { kind: 'email' }>,
  message: NotifyMessage,
  { text, id, server, signal }: Mail,
): Promise<void> {
  if (!/^smtps?:\/\/[^/]+/.test(server)) {
    const expected = 'smtp://user:password@host:587 or smtps://…:465';
    throw inputError('NOTIFY_SECRET', smtpEnv, 'no address of a mail server', expected, `correct ${smtpEnv}`);
  }
  const timeoutMs = timeoutSeconds * 1000;
  const timeouts = { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs };
  const transport = createTransport({ url: server, ...timeouts, disableFileAccess: true, disableUrlAccess: true });
  const onAbort = (): void => {
    transport.close();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    // One line, whatever the template holds: the rest of a subject would be further headers.
    const line = fillTemplate(subject ?? DEFAULT_SUBJECT, message)
      .replaceAll(/\s+/g, ' ')
      .slice(0, 200);
    const sending = transport.sendMail({ to: [...to], from, subject: line, text, messageId: `<${id}@graft>` });
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true });
    });
    await Promise.race([sending, late]);
  } catch (error) {
    const code = error instanceof Error && 'responseCode' in error ? Number(error.responseCode) : null;
    if (code !== null && code >= 500) {
      throw inputError(
        'NOTIFY_REFUSED',
        smtpEnv,
        `the mail server says ${code}`,
        '250',
        'check user, sender and recipients',
      );
    }
    // The server's own words may repeat what was sent to it: the code alone is told.
    const seen = code === null ? (errnoOf(error) ?? 'no answer in time') : `the mail server says ${code}`;
    throw transientError('NOTIFY_FAILED', smtpEnv, seen, '250');
  } finally {
    signal.removeEventListener('abort', onAbort);
    transport.close();
  }
}

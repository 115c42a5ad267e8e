import type { NotifyMessage, NotifyTarget } from '../../contracts/notify-config.ts';

/** Tells somebody of something, once. */
export interface Notifier {
  /**
   * Resolves when the other side has taken it. `id` names the message: who gets it twice, after a lost answer, can tell.
   *
   * NOTIFY_SECRET, NOTIFY_REFUSED, URL_BLOCKED, URL_BLOCKED_ADDRESS (input: a retry won't mend them) and NOTIFY_FAILED
   * (transient). No error names an address that is a secret, or what a secret holds.
   */
  deliver(target: NotifyTarget, message: NotifyMessage, id: string, signal: AbortSignal): Promise<void>;
}

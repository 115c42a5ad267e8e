import { hostname, userInfo } from 'node:os';

/** Who asks, for the ledger: user and machine. */
export function requester(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A container may run under a number that no user has.
    return `unknown@${hostname()}`;
  }
}

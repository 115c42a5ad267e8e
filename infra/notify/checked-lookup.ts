import { lookup } from 'node:dns';
import type { LookupAddress, LookupOptions } from 'node:dns';
import { addressProblem } from '../sources/url/address.ts';
import type { AllowedHosts } from '../sources/url/address.ts';

type LookupDone = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** Node's own lookup for a socket; one address that is not public spoils the name. */
export function checkedLookup(allowed: AllowedHosts) {
  return (host: string, options: LookupOptions, done: LookupDone): void => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      const problems = (error ? [] : addresses).map(({ address }) => addressProblem(host, address, allowed));
      const wrong = error ?? problems.find((each) => each !== null) ?? null;
      const [first] = addresses;
      if (wrong) done(wrong, []);
      else if (options.all === true) done(null, addresses);
      else done(null, first?.address ?? '', first?.family ?? 4);
    });
  };
}

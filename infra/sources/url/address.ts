import { BlockList, isIP } from 'node:net';
import { inputError } from '../../../core/errors.ts';
import type { GraftError } from '../../../core/errors.ts';

/**
 * Addresses that are nobody's on the open internet (IANA's special-purpose registries, RFC 6890): one's own machine, the
 * networks around it, and a cloud's metadata at 169.254.169.254 and fd00:ec2::254.
 */
const closed = new BlockList();
const FOUR =
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 ' +
  '192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4';
// Also what carries an IPv4 address inside (NAT64, 6to4, Teredo): it could be any of those above.
const SIX =
  '::/127 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8';
addAll(closed, `${FOUR} ${SIX}`.split(' '));

function addAll(list: BlockList, subnets: readonly string[]): void {
  for (const subnet of subnets) {
    const [network = '', bits] = subnet.split('/');
    const family = isIP(network) === 6 ? 'ipv6' : 'ipv4';
    list.addSubnet(network, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
  }
}

/** What may be fetched although it is closed, or without TLS: names of hosts, and addresses or networks. */
export interface AllowedHosts {
  allowsName(host: string): boolean;
  allowsAddress(address: string): boolean;
}

export function allowedHosts(entries: readonly string[]): AllowedHosts {
  const networks = new BlockList();
  const isNetwork = (entry: string): boolean => isIP(entry.split('/')[0] ?? '') !== 0;
  addAll(networks, entries.filter(isNetwork));
  const names = new Set(entries.filter((entry) => !isNetwork(entry)).map((name) => name.toLowerCase()));
  const allowsAddress = (address: string): boolean => networks.check(address, familyOf(address));
  return {
    allowsAddress,
    allowsName: (host) => names.has(host.toLowerCase()) || (isIP(host) !== 0 && allowsAddress(host)),
  };
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

export const isClosedAddress = (address: string): boolean =>
  isIP(address) === 0 || closed.check(address, familyOf(address));

/** URL_BLOCKED_ADDRESS for an address of this machine, of a private network or of a cloud's metadata. */
export function addressProblem(host: string, address: string, allowed: AllowedHosts): GraftError | null {
  if (!isClosedAddress(address) || allowed.allowsName(host) || allowed.allowsAddress(address)) return null;
  const seen = host === address ? 'an address that is not public' : `${address}, which is not public`;
  const remedy = 'fetch it yourself, or name the host in GRAFT_URL_ALLOW';
  return inputError('URL_BLOCKED_ADDRESS', host, seen, 'an address on the open internet', remedy);
}

/** The address without what a log must not have; URL_BLOCKED for other schemes, user names, and http to anybody. */
export function checkedUrl(text: string, allowed: AllowedHosts): URL {
  const shown = text.replace(/\/\/[^/@]*@/, '//').slice(0, 200);
  const blocked = (seen: string): GraftError =>
    inputError('URL_BLOCKED', shown, seen, 'https://host/path of an archive', 'fetch it yourself, and name the file');
  if (!URL.canParse(text)) throw blocked('no URL');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw blocked(`the scheme ${url.protocol}`);
  if (url.username !== '' || url.password !== '') throw blocked('a user name or password in it');
  const host = hostOf(url);
  if (url.protocol === 'http:' && !allowed.allowsName(host)) throw blocked('http, which anybody on the way can change');
  if (isIP(host) === 0) return url;
  const wrong = addressProblem(host, host, allowed);
  if (wrong !== null) throw wrong;
  return url;
}

/** Without the brackets of IPv6. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');

import { createHmac, timingSafeEqual } from 'node:crypto';
import * as openid from 'openid-client';
import { GraftError, inputError, messageOf, transientError } from '../../core/errors.ts';

/** Sign-in by an OpenID provider: who is known there may look, and those who are named may change things. */
export interface OidcOptions {
  readonly issuer: string;
  readonly clientId: string;
  /** Null for a public client, which PKCE alone protects. */
  readonly clientSecret: string | null;
  /** The dashboard as browsers reach it: `https://graft.example.org`. */
  readonly publicUrl: string;
  /** The claim that names a person in the ledger and among the approvers. */
  readonly claim: string;
}

export interface SignInBegun {
  readonly url: string;
  /** What has to be known again when the browser comes back; signed, for a cookie. */
  readonly kept: string;
}

/** How long somebody may take at the provider. */
const PATIENCE_MS = 10 * 60_000;

/** The authorization code flow with PKCE, state and nonce: checked by openid-client, which is certified for it. */
export class OidcSignIn {
  private readonly options: OidcOptions;
  private readonly secret: string;
  private readonly nowMs: () => number;
  private found: Promise<openid.Configuration> | null = null;

  constructor(options: OidcOptions, { secret, nowMs }: { readonly secret: string; readonly nowMs: () => number }) {
    this.options = options;
    this.secret = secret;
    this.nowMs = nowMs;
  }

  /** Throws OIDC_UNREACHABLE (503). */
  async begin(): Promise<SignInBegun> {
    const config = await this.provider();
    const [verifier, state, nonce] = [openid.randomPKCECodeVerifier(), openid.randomState(), openid.randomNonce()];
    const url = openid.buildAuthorizationUrl(config, {
      redirect_uri: this.redirectUri,
      scope: 'openid email profile',
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...{ state, nonce },
    });
    const body = [String(this.nowMs() + PATIENCE_MS), verifier, state, nonce].join('.');
    return { url: url.href, kept: `${body}.${this.sign(body)}` };
  }

  /** The name of whoever comes back with `search`. Throws OIDC_REFUSED (403). */
  async finish(search: string, kept: string | undefined): Promise<string> {
    const [verifier, state, nonce] = this.opened(kept);
    const config = await this.provider();
    const { claim } = this.options;
    try {
      const tokens = await openid.authorizationCodeGrant(config, new URL(`${this.redirectUri}${search}`), {
        ...{ pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true },
      });
      const claims = tokens.claims();
      const name = claims?.[claim];
      if (claim === 'email' && claims?.['email_verified'] === false)
        throw refused('an address that nobody has verified');
      if (typeof name !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(name)) throw refused(`no claim ${claim}`);
      return name;
    } catch (error) {
      if (error instanceof GraftError) throw error;
      throw refused(messageOf(error));
    }
  }

  private get redirectUri(): string {
    return `${this.options.publicUrl.replace(/\/+$/, '')}/auth/callback`;
  }

  private opened(kept: string | undefined): [verifier: string, state: string, nonce: string] {
    const [until = '', verifier = '', state = '', nonce = '', signature = ''] = kept?.split('.') ?? [];
    const own = this.sign([until, verifier, state, nonce].join('.'));
    const same = signature.length === own.length && timingSafeEqual(Buffer.from(signature), Buffer.from(own));
    if (!same || Number(until) < this.nowMs()) throw refused('a sign-in that did not begin here, or took too long');
    return [verifier, state, nonce];
  }

  /** Asked once; again after it could not be had. */
  private async provider(): Promise<openid.Configuration> {
    const { issuer, clientId, clientSecret } = this.options;
    const url = new URL(issuer);
    const isLocal = url.protocol === 'http:' && /^(127\.|localhost$|\[::1\]$)/.test(url.hostname);
    this.found ??= openid.discovery(
      ...([url, clientId, clientSecret ?? undefined] as const),
      clientSecret === null ? openid.None() : undefined,
      // A provider on this machine, for trying it out; any other must be reached by https.
      isLocal ? { execute: [openid.allowInsecureRequests] } : {},
    );
    try {
      return await this.found;
    } catch (error) {
      this.found = null;
      const remedy = 'check --oidc-issuer, and whether this machine reaches it';
      throw transientError(
        'OIDC_UNREACHABLE',
        issuer,
        messageOf(error),
        'its /.well-known/openid-configuration',
        remedy,
      );
    }
  }

  private sign(text: string): string {
    return createHmac('sha256', this.secret).update(`oidc:${text}`).digest('base64url');
  }
}

const refused = (seen: string): GraftError =>
  inputError('OIDC_REFUSED', 'sign-in', seen, 'an account of the provider', 'begin again at /auth/sign-in');

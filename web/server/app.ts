import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import { fastify } from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { inputError } from '../../core/errors.ts';
import { sendError } from './answers.ts';
import type { Auth, User } from './auth.ts';
import type { Context } from './context.ts';
import { checkChange, checkHost, checkOrigin } from './guards.ts';
import type { OidcSignIn } from './oidc.ts';
import { openApi } from './openapi.ts';
import type { Predictor } from './predictor.ts';
import { addPage } from './page.ts';
import type { Route } from './route.ts';
import { apiRoutes } from './routes/index.ts';
import { addPredict } from './routes/predict.ts';
import { addRawRoutes } from './routes/raw.ts';
import { addOidcSignIn } from './routes/sign-in.ts';

export interface AppOptions {
  readonly context: Context;
  readonly auth: Auth;
  readonly hosts: ReadonlySet<string>;
  /** The built page. */
  readonly dist: string;
  /** Whether it is reached by https, so that cookies must be too. */
  readonly secure: boolean;
  readonly log: (text: string) => void;
  readonly predictor: Predictor;
  /** Signs people in; null where the token or a proxy does. */
  readonly oidc?: OidcSignIn | null;
}

const BODY_BYTES = 64 * 1024;
/** Of one address, a minute: far above what pages ask for, and too few to guess a token by. */
const REQUESTS_A_MINUTE = 3_000;
const SIGN_INS_A_MINUTE = 20;

/** Nothing but what this server itself serves; no inline code, no frames, no plugins. */
const POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'blob:', 'data:'],
  fontSrc: ["'self'"],
  connectSrc: ["'self'"],
  manifestSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
  frameSrc: ["'none'"],
  objectSrc: ["'none'"],
};

/** The dashboard's server: the API under /api, and the page. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { hosts, log, context } = options;
  const app = fastify({ bodyLimit: BODY_BYTES, forceCloseConnections: true, routerOptions: { maxParamLength: 200 } });
  app.setErrorHandler((error, _request, reply) => sendError(reply, context.backend.explain(error), log));
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: POLICY },
    crossOriginEmbedderPolicy: false,
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: options.secure,
  });
  app.addHook('onRequest', (request, _reply, done) => {
    checkHost(request, hosts);
    done();
  });
  await app.register(rateLimit, { max: REQUESTS_A_MINUTE, timeWindow: 60_000 });
  await app.register(cookie);
  app.get('/healthz', { logLevel: 'silent' }, () => ({ status: 'ok' }));
  addSignIn(app, options);
  if (options.oidc) addOidcSignIn(app, { ...options, oidc: options.oidc });
  await app.register((api, _options, done) => {
    addApi(api, options);
    done();
  });
  addPage(app, options.dist);
  return app;
}

/** The token is traded for a cookie at once, so that it stays in no address bar, history or referrer. */
function addSignIn(app: FastifyInstance, { auth, secure }: AppOptions): void {
  app.get<{ Querystring: { token?: unknown } }>(
    '/',
    { config: { rateLimit: { max: SIGN_INS_A_MINUTE, timeWindow: 60_000, skipOnError: false, allowList: noToken } } },
    (request, reply) => {
      const { token } = request.query;
      if (token === undefined) return reply.callNotFound();
      if (typeof token === 'string' && auth.matches(token)) {
        const { value, expiresAt } = auth.issue();
        void reply.setCookie(auth.cookieName, value, {
          ...{ httpOnly: true, sameSite: 'strict', path: '/', expires: expiresAt, secure },
        });
      }
      // Whoever's token is wrong lands on the page as well, which says that nobody is signed in.
      return reply.header('cache-control', 'no-store').redirect('/', 303);
    },
  );
}

const noToken = ({ url }: FastifyRequest): boolean => !url.includes('token=');

function addApi(api: FastifyInstance, options: AppOptions): void {
  const { auth, hosts, context } = options;
  const users = new WeakMap<FastifyRequest, User>();
  api.addHook('onRequest', (request, reply, done) => {
    void reply.header('cache-control', 'no-store');
    checkOrigin(request, hosts);
    const user = auth.userOf(request);
    if (request.method !== 'GET') checkChange(request, user);
    users.set(request, user);
    done();
  });
  const userOf = (request: FastifyRequest): User => users.get(request) ?? auth.userOf(request);
  const routes = apiRoutes(context);
  for (const route of routes) addRoute(api, route, userOf);
  addRawRoutes(api, context, userOf);
  addPredict(api, options.predictor, userOf);
  const document = openApi(routes);
  api.get('/api/openapi.json', () => document);
}

function addRoute(api: FastifyInstance, route: Route, userOf: (request: FastifyRequest) => User): void {
  api.route({
    method: route.method,
    url: route.path,
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      const user = userOf(request);
      requireRole(user, route.needs);
      return reply.send(await route.run({ params: request.params, query: request.query, body: request.body, user }));
    },
  });
}

export function requireRole(user: User, needs: Route['needs']): void {
  if (needs === 'viewer' || user.role === 'approver') return;
  const remedy = 'ask whoever runs the dashboard to add you to its approvers';
  throw inputError('NOT_ALLOWED', user.name, 'the role viewer', 'the role approver', remedy);
}

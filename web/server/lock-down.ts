import type { FastifyReply } from 'fastify';

/** Whatever a data set holds, it runs nothing, loads nothing and is no page of this origin. */
const LOCKED = "default-src 'none'; sandbox; frame-ancestors 'none'";

export function lockDown(reply: FastifyReply): void {
  void reply.header('content-security-policy', LOCKED).header('x-content-type-options', 'nosniff');
}
